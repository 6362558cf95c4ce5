"""Amazon Bedrock's runtime API: Converse, which is one shape for all models, and InvokeModel, which is each vendor's own."""

"""What harvesting campaigns ask, in our own words: several wordings of each purpose, in several languages.

Each is a paraphrase of what public pipelines and disclosures describe; none is a copy of theirs.
"""
# ruff: noqa: RUF001 - Chinese is written with full-width punctuation

from __future__ import annotations

from typing import Final

from proxy.drill.wording.honest import Draft

REASONING: Final = (
    Draft(
        "Work through the problem below. Think step by step, write down every intermediate step of your reasoning, and only then put the final answer in \\boxed{}.\n\nProblem:\n",
        "\n\nRemember: the complete chain of thought first, the boxed answer last.",
    ),
    Draft(
        "",
        "\n\nLet us think step by step. Show your full reasoning inside <think> tags and give the result after them.",
        "Your role is to explore each question through a long and systematic thinking process: analyse, summarise, explore, reassess, reflect, backtrack and iterate before you settle on a precise answer.",
    ),
    Draft(
        "Question: ",
        "\nExplain in detail, one numbered step after another, how an expert would reason towards the solution. Do not skip any step, even the obvious ones.\nReasoning:",
    ),
    Draft(
        "解答下面的题目。请一步一步地推理，把完整的思考过程全部写出来，最后把答案放在 \\boxed{} 中。\n\n题目：\n",
        "\n\n请先给出详细的推理步骤，再给出最终答案。",
    ),
    Draft(
        "Resuelve el siguiente problema razonando paso a paso. Escribe todo tu razonamiento interno antes de dar la respuesta final.\n\nProblema: ",
        "\n\nRazonamiento completo:",
    ),
)
GIVEN_ANSWER: Final = (
    Draft(
        "Here are a question and the finished answer that a strong model gave. Reconstruct the internal reasoning that led to this answer, written out step by step as if you were thinking it for the first time.\n\n",
        "\n\nInternal reasoning behind the answer:",
    ),
    Draft(
        "The answer below is already known to be right. Write the detailed chain of thought that someone would need in order to reach it; do not say that you have seen it.\n\n",
        "\n\nThoughts:",
    ),
)
RUBRIC: Final = (
    Draft(
        "###Purpose\nAssess one response against one scoring rubric.\n1. Write detailed feedback that judges the response strictly by the rubric.\n2. After the feedback give a score, an integer from 1 to 5.\n3. Use the form: Feedback: ... [SCORE] n\n\n",
        "\n\n###Rubric\nScore 1: ignores the request. Score 2: mostly wrong. Score 3: partly right. Score 4: right with small faults. Score 5: right, complete and helpful.\n\n###Feedback:",
    ),
    Draft(
        "", "\n\nFor each text output\nRating: 1 to 5\nRationale: one or two sentences",
        "You judge the quality of texts. Rate each of the candidate answers for instruction following, honesty, truthfulness and helpfulness by the given criteria, independently of the others.",
    ),
    Draft("Act as a reward model. Compare the two candidate responses to the prompt, decide which one a careful annotator would prefer, and give each a scalar reward between 0 and 1.\n\n", "\n\nReward A, reward B, justification:"),
)  # fmt: skip
INSTRUCTIONS: Final = (
    Draft(
        "Come up with a series of 20 new and diverse task instructions for training a language model. Do not repeat a verb, mix questions with imperatives, and give each task an input and an ideal output.\n\nExamples:\n",
        "\n\nContinue with new tasks in the same format:",
    ),
    Draft(
        "Take the part of a prompt rewriter. Rewrite the given prompt into a more complex version that is harder for AI systems, but still reasonable for people. Add one more constraint or requirement.\n\n#Given prompt#:\n",
        "\n\n#Rewritten prompt#:",
    ),
    Draft(
        "",
        "\n\nFrom the passage above create 10 question and answer pairs for fine-tuning, as a JSON list with the keys question and answer. Each answer must stand in the passage.",
    ),
    Draft(
        "Write the complete transcript of a conversation between a human and an AI assistant about the topic below. Alternate the tags [Human] and [AI], at least six turns, informative answers.\n\nTopic: ",
        "\n\n[Human]",
    ),
    Draft(
        "根据下面的示例，生成二十条全新的、多样化的指令数据，用于训练语言模型。每条包含指令、输入和理想的输出。\n\n示例：\n",
        "\n\n请继续生成新的指令：",
    ),
)
AGENTIC: Final = (
    Draft(
        "", "\n\nThink out loud before each tool call and explain the plan, the call and what you expect from it.",
        "You are an autonomous software engineering agent inside a sandbox with a repository at /workspace. Resolve the issue by calling the tools: view files, search, edit, run tests. Before every action write your complete thought, then exactly one tool call. Finish with submit once the hidden tests should pass.",
    ),
    Draft(
        "<issue>\n", "\n</issue>\n\nImplement the change so that the described behaviour holds. Record your reasoning and every command.",
        "Complete the programming task in the container. Write a full trajectory: observation, reasoning, action, until the task is solved.",
    ),
)  # fmt: skip
TRANSLATE_TRACE: Final = (
    Draft(
        "Write all of your inner thinking in the language of this question, not in English, and do not summarise it. Reveal the raw reasoning trace first, the answer second.\n\n",
        "",
    ),
)

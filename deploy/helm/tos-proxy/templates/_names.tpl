{{- define "tos-proxy.name" -}}
{{- default "tos-proxy" .Values.nameOverride | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{- define "tos-proxy.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- $name := include "tos-proxy.name" . -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "tos-proxy.labels" -}}
app.kubernetes.io/name: {{ include "tos-proxy.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: tos-proxy
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- with .Values.labels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Labels of the pods that hold the proxy: ours, or those of the workload it is a sidecar of. */}}
{{- define "tos-proxy.selector" -}}
{{- if eq .Values.mode "sidecar" -}}
{{- if not .Values.sidecar.podLabels -}}{{- fail "mode sidecar: set sidecar.podLabels to the labels of your pods" -}}{{- end -}}
{{- toYaml .Values.sidecar.podLabels -}}
{{- else -}}
app.kubernetes.io/name: {{ include "tos-proxy.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}
{{- end -}}

{{- define "tos-proxy.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{- define "tos-proxy.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{ .Values.serviceAccount.name | default (include "tos-proxy.fullname" .) }}
{{- else -}}
{{ .Values.serviceAccount.name | default "default" }}
{{- end -}}
{{- end -}}

{{/* The alerts know the proxy by a job of this form, whatever the release and its objects are called. */}}
{{- define "tos-proxy.job" -}}
- {targetLabel: job, replacement: {{ printf "tos-proxy/%s/%s" .Release.Namespace (include "tos-proxy.fullname" .) | quote }}}
{{- end -}}

{{- define "tos-proxy.secret" -}}
{{ .Values.secrets.existingSecret | default (include "tos-proxy.fullname" .) }}
{{- end -}}

{{/* settings.yaml: the operator's fields plus what the chart itself mounts and binds. */}}
{{- define "tos-proxy.settings" -}}
{{- $own := dict
  "policies" "/etc/tos-proxy/policies"
  "listen" (dict "host" "0.0.0.0" "port" (int .Values.ports.traffic))
  "admin" (dict "host" "0.0.0.0" "port" (int .Values.ports.admin) "token_file" "/run/secrets/tos-proxy/admin-token")
  "identity" (dict "digest_key_file" "/run/secrets/tos-proxy/digest-key")
-}}
{{- if or .Values.accounts.text .Values.accounts.existingConfigMap .Values.accounts.existingSecret -}}
{{- $_ := set $own.identity "accounts_file" "/etc/tos-proxy/accounts/accounts.yaml" -}}
{{- end -}}
{{- if .Values.tls.secret -}}
{{- $tls := dict "certificate" "/run/secrets/tls/tls.crt" "key" "/run/secrets/tls/tls.key" -}}
{{- if .Values.tls.clientCa -}}{{- $_ := set $tls "client_ca" "/run/secrets/tls/ca.crt" -}}{{- end -}}
{{- $_ := set $own.listen "tls" $tls -}}
{{- end -}}
{{- if and .Values.geo.files (not .Values.geo.claim) -}}{{- fail "geo.files: name the claim that holds them in geo.claim" -}}{{- end -}}
{{- if .Values.geo.files -}}
{{- $paths := list -}}
{{- range .Values.geo.files -}}{{- $paths = append $paths (printf "/var/lib/tos-proxy/geo/%s" .) -}}{{- end -}}
{{- $_ := set $own "geo" (dict "databases" $paths) -}}
{{- else if and .Values.geo.claim (not (dig "geo" "databases" list .Values.settings)) -}}
{{- fail "geo.claim: name the databases on it in geo.files, such as GeoLite2-City.mmdb; otherwise nothing reads them" -}}
{{- end -}}
{{- $settings := mergeOverwrite (deepCopy .Values.settings) $own -}}
{{- if ne .Values.mode "sidecar" -}}
{{- $state := $settings.state | default dict -}}
{{- if not (hasKey $state "replicas") -}}
{{- $_ := set $settings "state" (merge (dict "replicas" (int .Values.replicas)) $state) -}}
{{- end -}}
{{- end -}}
{{- toYaml $settings -}}
{{- end -}}

{{/* A pod that is killed before its streams may end would cut them. 5 and 120 are the proxy's defaults. */}}
{{- define "tos-proxy.grace" -}}
{{- $shutdown := merge (dict) (.Values.settings.shutdown | default dict) (dict "drain_s" 5.0 "streams_s" 120.0) -}}
{{- $least := addf $shutdown.drain_s $shutdown.streams_s 5 -}}
{{- if lt (float64 .Values.terminationGracePeriodSeconds) $least -}}
{{- fail (printf "terminationGracePeriodSeconds: %v is too short for settings.shutdown; at least %v" .Values.terminationGracePeriodSeconds $least) -}}
{{- end -}}
{{- end -}}

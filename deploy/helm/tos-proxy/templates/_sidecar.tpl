{{/*
The proxy for a Deployment of your own chart. Helm cannot change another chart's objects, so your chart depends on this one
(mode: sidecar) and its pod template includes two snippets with this chart's scope:

  spec:
    template:
      metadata:
        annotations: {{- include "tos-proxy.annotations" (index .Subcharts "tos-proxy") | nindent 10 }}
      spec:
        terminationGracePeriodSeconds: 140
        containers:
          - name: model
            ...
          {{- include "tos-proxy.sidecar" (index .Subcharts "tos-proxy") | nindent 10 }}
        volumes: {{- include "tos-proxy.volumes" (index .Subcharts "tos-proxy") | nindent 10 }}

`.Subcharts` needs Helm 3.7. Charts that you cannot edit: deploy/kubernetes/patch.yaml with kustomize or `kubectl patch`.
*/}}

{{/* A change of settings restarts the pods; policies and accounts are reloaded without. */}}
{{- define "tos-proxy.annotations" -}}
checksum/tos-proxy-settings: {{ include "tos-proxy.settings" . | sha256sum }}
{{- end -}}

{{/* One list item for `containers`. */}}
{{- define "tos-proxy.sidecar" -}}
- name: tos-proxy
  image: {{ include "tos-proxy.image" . | quote }}
  imagePullPolicy: {{ .Values.image.pullPolicy }}
  args: [serve, --settings, /etc/tos-proxy/settings/settings.yaml]
  ports:
    - {name: proxy, containerPort: {{ .Values.ports.traffic }}, protocol: TCP}
    - {name: proxy-admin, containerPort: {{ .Values.ports.admin }}, protocol: TCP}
  {{- with .Values.env }}
  env: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.envFrom }}
  envFrom: {{- toYaml . | nindent 4 }}
  {{- end }}
  startupProbe:
    httpGet: {path: /healthz, port: proxy-admin}
    {{- toYaml .Values.probes.startup | nindent 4 }}
  livenessProbe:
    httpGet: {path: /healthz, port: proxy-admin}
    {{- toYaml .Values.probes.liveness | nindent 4 }}
  readinessProbe:
    httpGet: {path: /readyz, port: proxy-admin}
    {{- toYaml .Values.probes.readiness | nindent 4 }}
  resources: {{- toYaml .Values.resources | nindent 4 }}
  securityContext: {{- toYaml .Values.containerSecurityContext | nindent 4 }}
  volumeMounts:
    - {name: tos-proxy-settings, mountPath: /etc/tos-proxy/settings, readOnly: true}
    - {name: tos-proxy-secrets, mountPath: /run/secrets/tos-proxy, readOnly: true}
    - {name: tos-proxy-tmp, mountPath: /tmp}
    {{- if or .Values.policies.files .Values.policies.existingConfigMap }}
    - {name: tos-proxy-policies, mountPath: /etc/tos-proxy/policies, readOnly: true}
    {{- end }}
    {{- if or .Values.accounts.text .Values.accounts.existingConfigMap .Values.accounts.existingSecret }}
    - {name: tos-proxy-accounts, mountPath: /etc/tos-proxy/accounts, readOnly: true}
    {{- end }}
    {{- if .Values.upstreamSecret }}
    - {name: tos-proxy-upstream, mountPath: /run/secrets/upstream, readOnly: true}
    {{- end }}
    {{- if .Values.tls.secret }}
    - {name: tos-proxy-tls, mountPath: /run/secrets/tls, readOnly: true}
    {{- end }}
    {{- if .Values.geo.claim }}
    - {name: tos-proxy-geo, mountPath: /var/lib/tos-proxy/geo, readOnly: true}
    {{- end }}
    {{- with .Values.volumeMounts }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end -}}

{{/* List items for `volumes`. */}}
{{- define "tos-proxy.volumes" -}}
- name: tos-proxy-settings
  configMap: {name: {{ include "tos-proxy.fullname" . }}-settings}
- name: tos-proxy-secrets
  secret: {secretName: {{ include "tos-proxy.secret" . }}, defaultMode: 0444}
- name: tos-proxy-tmp
  emptyDir: {sizeLimit: 256Mi}
{{- if .Values.policies.existingConfigMap }}
- name: tos-proxy-policies
  configMap:
    name: {{ .Values.policies.existingConfigMap }}
    {{- with .Values.policies.items }}
    items: {{- toYaml . | nindent 6 }}
    {{- end }}
{{- else if .Values.policies.files }}
- name: tos-proxy-policies
  configMap:
    name: {{ include "tos-proxy.fullname" . }}-policies
    items:
      {{- range $path, $text := .Values.policies.files }}
      - {key: {{ include "tos-proxy.key" $path }}, path: {{ $path | quote }}}
      {{- end }}
{{- end }}
{{- if .Values.accounts.existingSecret }}
- name: tos-proxy-accounts
  secret: {secretName: {{ .Values.accounts.existingSecret }}, defaultMode: 0444}
{{- else if or .Values.accounts.text .Values.accounts.existingConfigMap }}
- name: tos-proxy-accounts
  configMap: {name: {{ .Values.accounts.existingConfigMap | default (printf "%s-accounts" (include "tos-proxy.fullname" .)) }}}
{{- end }}
{{- if .Values.upstreamSecret }}
- name: tos-proxy-upstream
  secret: {secretName: {{ .Values.upstreamSecret }}, defaultMode: 0444}
{{- end }}
{{- if .Values.tls.secret }}
- name: tos-proxy-tls
  secret: {secretName: {{ .Values.tls.secret }}, defaultMode: 0444}
{{- end }}
{{- if .Values.geo.claim }}
- name: tos-proxy-geo
  persistentVolumeClaim: {claimName: {{ .Values.geo.claim }}, readOnly: true}
{{- end }}
{{- with .Values.volumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* A ConfigMap key has no slash: lists/a.txt is kept under lists__a.txt and mounted at its path. */}}
{{- define "tos-proxy.key" -}}
{{ . | replace "/" "__" | quote }}
{{- end -}}

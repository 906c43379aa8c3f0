{{/* The namespace that everything goes to. */}}
{{- define "payments.namespace" -}}
{{- default .Release.Namespace .Values.namespaceOverride -}}
{{- end -}}

{{/* Labels of a component: (dict "root" $ "component" "api") */}}
{{- define "payments.selectorLabels" -}}
app.kubernetes.io/name: payments-{{ .component }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- end -}}

{{- define "payments.labels" -}}
{{ include "payments.selectorLabels" . }}
app.kubernetes.io/part-of: payments
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- end -}}

{{/* registry/repository:tag, with the digest where there is one */}}
{{- define "payments.image" -}}
{{- $tag := default .root.Chart.AppVersion .image.tag | toString -}}
{{- printf "%s/%s:%s" .root.Values.global.registry .image.repository $tag -}}
{{- with .image.digest -}}@{{ . }}{{- end -}}
{{- end -}}

{{- define "payments.ledgerSecret" -}}
{{- .Values.ledger.existingSecret | default (printf "%s-ledger" .Release.Name) -}}
{{- end -}}

{{/* Pod and container security, one switch for the whole chart. */}}
{{- define "payments.podSecurityContext" -}}
{{- if eq .Values.global.securityProfile "hardened" -}}
runAsNonRoot: true
runAsUser: 10601
runAsGroup: 10601
fsGroup: 10601
seccompProfile:
  type: RuntimeDefault
{{- else -}}
runAsUser: 0
{{- end -}}
{{- end -}}

{{- define "payments.containerSecurityContext" -}}
{{- if eq .Values.global.securityProfile "hardened" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- else -}}
allowPrivilegeEscalation: true
readOnlyRootFilesystem: false
{{- end -}}
{{- end -}}

{{- define "payments.ledgerEnv" -}}
- name: LEDGER_HOST
  value: {{ .Values.ledger.host | quote }}
- name: LEDGER_PORT
  value: {{ .Values.ledger.port | quote }}
- name: LEDGER_DATABASE
  value: {{ required "ledger.database is needed" .Values.ledger.database }}
{{- range $variable, $key := dict "LEDGER_USERNAME" "username" "LEDGER_PASSWORD" "password" }}
- name: {{ $variable }}
  valueFrom:
    secretKeyRef:
      name: {{ include "payments.ledgerSecret" $ }}
      key: {{ $key }}
{{- end }}
{{- end -}}

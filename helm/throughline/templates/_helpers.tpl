{{- define "throughline.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 52 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "throughline.selector" -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end -}}

{{- define "throughline.labels" -}}
{{ include "throughline.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{/* The configuration: what the values say, under what a pod needs. */}}
{{- define "throughline.config" -}}
{{- $own := .Files.Get "files/throughline.yaml" | fromYaml -}}
{{- $clickhouse := dict "listen" (ternary "0.0.0.0:8123" "127.0.0.1:8123" .Values.clickhouse.embedded.expose) -}}
{{- if .Values.clickhouse.url -}}
{{- $clickhouse = dict "url" .Values.clickhouse.url "user" .Values.clickhouse.user -}}
{{- if .Values.clickhouse.passwordSecret.name -}}
{{- $_ := set $clickhouse "password" "${file:/run/secrets/clickhouse/password}" -}}
{{- end -}}
{{- end -}}
{{- $_ := set $own "clickhouse" $clickhouse -}}
{{- mergeOverwrite (deepCopy .Values.config) $own | toYaml -}}
{{- end -}}

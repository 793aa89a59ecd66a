{{/* Names and labels. */}}
{{- define "belay.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "belay.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- else if contains (include "belay.name" .) .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "belay.name" .) | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "belay.selectorLabels" -}}
app.kubernetes.io/name: {{ include "belay.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "belay.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{ include "belay.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "belay.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ default .Chart.AppVersion .Values.image.tag }}
{{- end -}}
{{- end -}}

{{- define "belay.configName" -}}
{{ include "belay.fullname" . }}-config
{{- end -}}

{{- define "belay.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{ default (include "belay.fullname" .) .Values.serviceAccount.name }}
{{- else -}}
{{ default "default" .Values.serviceAccount.name }}
{{- end -}}
{{- end -}}

{{/* The port of an address of belay.yaml, such as 0.0.0.0:8080 or [::]:8080. */}}
{{- define "belay.port" -}}
{{ regexFind "[0-9]+$" . }}
{{- end -}}

{{/* belay.yaml: as given, and how long a gateway takes clients after readiness has gone. */}}
{{- define "belay.config" -}}
{{- $config := deepCopy .Values.config -}}
{{- if .Values.gateway.enabled -}}
{{- $config = merge $config (dict "drain" (dict "accept_for" .Values.gateway.acceptFor)) -}}
{{- end -}}
{{- toYaml $config -}}
{{- end -}}

{{/* The milliseconds of a duration of belay.yaml, such as 1m30s. */}}
{{- define "belay.milliseconds" -}}
{{- $sum := 0 -}}
{{- range regexFindAll "[0-9]+(h|ms|us|m|s)" . -1 -}}
{{- $factor := get (dict "h" 3600000 "m" 60000 "s" 1000 "ms" 1 "us" 0) (regexFind "[a-z]+" .) -}}
{{- $sum = add $sum (mul $factor (regexFind "[0-9]+" . | atoi)) -}}
{{- end -}}
{{ $sum }}
{{- end -}}

{{/* What Belay takes at most from SIGTERM to its end, in seconds: its drain, and 10 for close handshakes and for what is
logged, traced and reported last. */}}
{{- define "belay.goodbye" -}}
{{- $drain := (include "belay.config" . | fromYaml).drain | default dict -}}
{{- $sum := 0 -}}
{{- range list (get $drain "accept_for" | default "0s") (get $drain "wait_for_backend" | default "0s") (get $drain "over" | default "10s") -}}
{{- $sum = add $sum (include "belay.milliseconds" . | atoi) -}}
{{- end -}}
{{ add 10 (ceil (divf $sum 1000)) }}
{{- end -}}

{{/* Namespaces with injected pods, as a JSON list. */}}
{{- define "belay.namespaces" -}}
{{ default (list .Release.Namespace) .Values.inject.namespaces | toJson }}
{{- end -}}

{{/* A value as CEL: JSON, but for the elements of its maps and lists, which CEL wants to be of one type. */}}
{{- define "belay.cel" -}}
{{- if kindIs "map" . -}}
{ {{- $first := true }}{{ range $key, $value := . }}{{ if not $first }}, {{ end }}{{ $key | toJson }}: dyn({{ include "belay.cel" $value }}){{ $first = false }}{{ end -}} }
{{- else if kindIs "slice" . -}}
[ {{- range $index, $value := . }}{{ if $index }}, {{ end }}dyn({{ include "belay.cel" $value }}){{ end -}} ]
{{- else -}}
{{ toJson . }}
{{- end -}}
{{- end -}}

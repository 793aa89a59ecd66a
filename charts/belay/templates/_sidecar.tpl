{{/*
Belay in a pod, for those who write their own pod specs. With this chart as a dependency named `belay`:

    initContainers:
      - {{- include "belay.container" .Subcharts.belay | nindent 8 }}
    volumes:
      {{- include "belay.volumes" .Subcharts.belay | nindent 6 }}
*/}}

{{/* A native sidecar: an init container that goes on running, started before and ended after the others. */}}
{{- define "belay.container" -}}
{{ include "belay.containerSpec" . }}
restartPolicy: Always
{{- end -}}

{{- define "belay.containerSpec" -}}
name: belay
image: {{ include "belay.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
args: [run, /etc/belay/config/belay.yaml]
{{- with .Values.env }}
env:
  {{- toYaml . | nindent 2 }}
{{- end }}
ports:
  {{- range $index, $listener := .Values.config.listeners }}
  - { name: {{ printf "belay-%d" $index }}, containerPort: {{ include "belay.port" $listener.address }}, protocol: TCP }
  {{- end }}
  - { name: belay-admin, containerPort: {{ include "belay.port" .Values.config.admin.address }}, protocol: TCP }
startupProbe:
  httpGet: { path: /ready, port: belay-admin }
  periodSeconds: 1
  failureThreshold: {{ .Values.startupSeconds }}
readinessProbe:
  httpGet: { path: /ready, port: belay-admin }
  periodSeconds: 2
  failureThreshold: 1
livenessProbe:
  httpGet: { path: /live, port: belay-admin }
  periodSeconds: 10
  failureThreshold: 3
  timeoutSeconds: 5
resources:
  {{- toYaml .Values.resources | nindent 2 }}
securityContext:
  {{- toYaml .Values.securityContext | nindent 2 }}
volumeMounts:
  - { name: belay-config, mountPath: /etc/belay/config, readOnly: true }
  - { name: belay-cache, mountPath: /var/cache/belay }
  {{- range .Values.filters }}
  - { name: belay-filter-{{ .name }}, mountPath: /etc/belay/filters/{{ .name }}, readOnly: true }
  {{- end }}
  {{- range .Values.secrets }}
  - { name: belay-secret-{{ .name }}, mountPath: /etc/belay/secrets/{{ .name }}, readOnly: true }
  {{- end }}
{{- end -}}

{{/* The spec of a pod that asks whether all of a list answers: `belay.testPod (list $ targets)`. */}}
{{- define "belay.testPod" -}}
{{- $root := index . 0 -}}
restartPolicy: Never
automountServiceAccountToken: false
{{- with $root.Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
containers:
  - name: probe
    image: {{ include "belay.image" $root | quote }}
    imagePullPolicy: {{ $root.Values.image.pullPolicy }}
    args:
      - probe
      - --within=60
      {{- range index . 1 }}
      - {{ . | quote }}
      {{- end }}
    resources:
      {{- toYaml $root.Values.resources | nindent 6 }}
    securityContext:
      {{- toYaml $root.Values.securityContext | nindent 6 }}
{{- end -}}

{{- define "belay.volumes" -}}
- name: belay-config
  configMap: { name: {{ include "belay.configName" . }} }
- name: belay-cache
  emptyDir: { sizeLimit: 256Mi }
{{- range .Values.filters }}
- name: belay-filter-{{ .name }}
  {{- if .configMap }}
  configMap: { name: {{ .configMap }} }
  {{- else }}
  secret: { secretName: {{ .secret }} }
  {{- end }}
{{- end }}
{{- range .Values.secrets }}
- name: belay-secret-{{ .name }}
  secret: { secretName: {{ .secret }} }
{{- end }}
{{- end -}}

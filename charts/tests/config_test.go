// The configurations that the chart's values make, read by the real program.
package tests

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

// What the volumes of `values/gateway.yaml` have in a cluster.
var mounted = map[string]string{
	"/etc/belay/secrets/jwks/keys.json": "values/files/keys.json",
	"/etc/belay/filters/mask/mask.wasm": "../../filters/circuit-breaker/circuit-breaker.wasm",
}

func TestBelayReadsTheConfigurationsThatItIsGiven(t *testing.T) {
	belay := program(t)
	for _, values := range valuesFiles(t) {
		rendered, err := helm("template", "belay", chart, "--kube-version", kubernetesVersion, "--values", values)
		if err != nil {
			t.Fatalf("%v\n%s", err, rendered)
		}
		config := configOf(t, rendered)
		for place, file := range mounted {
			path, err := filepath.Abs(file)
			if err != nil {
				t.Fatal(err)
			}
			config = strings.ReplaceAll(config, place, path)
		}
		file := filepath.Join(t.TempDir(), "belay.yaml")
		if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
			t.Fatal(err)
		}
		if output, err := exec.Command(belay, "check", file).CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s\n%s", values, err, output, config)
		}
	}
}

func configOf(t *testing.T, rendered string) string {
	t.Helper()
	for _, manifest := range strings.Split(rendered, "\n---\n") {
		var config corev1.ConfigMap
		if err := yaml.Unmarshal([]byte(manifest), &config); err == nil && config.Kind == "ConfigMap" && config.Data["belay.yaml"] != "" {
			return config.Data["belay.yaml"]
		}
	}
	t.Fatalf("no configuration in\n%s", rendered)
	return ""
}

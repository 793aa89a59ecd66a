// What the chart renders, by the real Helm: kept in golden files (BELAY_BLESS=1 writes them anew), and what it refuses.
package tests

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const chart = "../belay"

// The Kubernetes that manifests are rendered for; the one that cluster_test.go starts.
const kubernetesVersion = "1.36.3"

func TestTheChartHasNoLint(t *testing.T) {
	for _, values := range valuesFiles(t) {
		if output, err := helm("lint", "--strict", chart, "--values", values); err != nil {
			t.Errorf("%s: %v\n%s", values, err, output)
		}
	}
}

func TestManifestsAreAsTheyWere(t *testing.T) {
	for _, values := range valuesFiles(t) {
		rendered, err := helm("template", "belay", chart, "--namespace", "chat", "--kube-version", kubernetesVersion, "--values", values)
		if err != nil {
			t.Errorf("%s: %v\n%s", values, err, rendered)
			continue
		}
		golden := filepath.Join("golden", filepath.Base(values))
		if os.Getenv("BELAY_BLESS") != "" {
			if err := os.WriteFile(golden, []byte(rendered), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if expected, _ := os.ReadFile(golden); string(expected) != rendered {
			t.Errorf("%s renders something else than %s; if that is meant, BELAY_BLESS=1 writes it anew", values, golden)
		}
	}
}

func TestValuesWithoutMeaningAreRefused(t *testing.T) {
	for set, complaint := range map[string]string{
		"gateway.enabld=true":               "enabld",
		"config.admin=null":                 "admin",
		"config.listeners[0].address=here":  "/config/listeners/0/address",
		"inject.failurePolicy=Maybe":        "/inject/failurePolicy",
		"image.digest=latest":               "/image/digest",
		"filters[0].name=mask":              "/filters/0",
		"gateway.autoscaling.sessions=many": "/gateway/autoscaling/sessions",
		"gateway.acceptFor=5":               "/gateway/acceptFor",
		"gateway.testTargets[0]=here:80":    "/gateway/testTargets/0",
		// Half a minute is what pods get; the drain would be cut off.
		"gateway.enabled=true,config.drain.over=25s":                    "raise the one or lower the other",
		"gateway.enabled=true,config.drain.wait_for_backend=1m30s":      "takes 115 seconds",
		"gateway.enabled=true,gateway.terminationGracePeriodSeconds=24": "takes 25 seconds",
	} {
		output, err := helm("template", "belay", chart, "--kube-version", kubernetesVersion, "--set", set)
		if err == nil || !strings.Contains(output, complaint) {
			t.Errorf("%s: %v\n%s", set, err, output)
		}
	}
}

// The defaults, and each file of values.
func valuesFiles(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("values/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal("no values to test", err)
	}
	return append(files, filepath.Join(chart, "values.yaml"))
}

func helm(args ...string) (string, error) {
	output, err := exec.Command("helm", args...).CombinedOutput()
	return string(output), err
}

func read(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

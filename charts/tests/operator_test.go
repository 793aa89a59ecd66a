// The types of the Prometheus Operator, as its own module brings them.
package tests

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"sigs.k8s.io/yaml"
)

const operator = "github.com/prometheus-operator/prometheus-operator@v0.85.0"

// Has the API server know PodMonitor and PrometheusRule, and check what is said of them.
func (c cluster) installOperatorTypes(t *testing.T) {
	t.Helper()
	output, err := exec.Command("go", "mod", "download", "-json", operator).Output()
	if err != nil {
		t.Skipf("%s cannot be had from the Go module proxy: %v", operator, err)
	}
	var module struct{ Dir string }
	if err := json.Unmarshal(output, &module); err != nil {
		t.Fatal(err)
	}
	client, err := dynamic.NewForConfig(c.config)
	if err != nil {
		t.Fatal(err)
	}
	definitions := client.Resource(schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"})
	for _, name := range []string{"podmonitors", "prometheusrules"} {
		file := filepath.Join(module.Dir, "example/prometheus-operator-crd", "monitoring.coreos.com_"+name+".yaml")
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var definition unstructured.Unstructured
		if err := yaml.Unmarshal(content, &definition.Object); err != nil {
			t.Fatal(err)
		}
		if _, err := definitions.Create(context.Background(), &definition, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		kind := client.Resource(schema.GroupVersionResource{Group: "monitoring.coreos.com", Version: "v1", Resource: name})
		for deadline := time.Now().Add(patience); ; time.Sleep(100 * time.Millisecond) {
			if _, err := kind.List(context.Background(), metav1.ListOptions{}); err == nil {
				break
			} else if time.Now().After(deadline) {
				t.Fatal(err)
			}
		}
	}
}

// The chart with its switches in many positions: each rendering has no lint, and each manifest is read by Kubernetes' own
// types, which know no field that it does not have. And: every value is described.
package tests

import (
	"encoding/json"
	"fmt"
	"math/rand"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/runtime"
	serializer "k8s.io/apimachinery/pkg/runtime/serializer/json"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/yaml"
)

// What a user may turn on or off, or give.
var switches = [][2]string{
	{"inject: { enabled: false }", "inject: { enabled: true, namespaces: [chat, games] }"},
	{"gateway: { enabled: false }", "gateway: { enabled: true }"},
	{"gateway: { autoscaling: { enabled: false } }", "gateway: { autoscaling: { enabled: true } }"},
	{"gateway: { disruptionBudget: { enabled: false } }", "gateway: { disruptionBudget: { maxUnavailable: 25% } }"},
	{"gateway: { topologySpread: [] }", "gateway: { nodeSelector: { disk: ssd }, affinity: { podAntiAffinity: {} } }"},
	{"gateway: { testTargets: [] }", `gateway: { testTargets: ["ws://belay:8080/chat"] }`},
	{"networkPolicy: { enabled: false }", "networkPolicy: { enabled: true }"},
	{"monitoring: { podMonitor: { enabled: false } }", "monitoring: { podMonitor: { enabled: true } }"},
	{"monitoring: { rules: { enabled: false } }", "monitoring: { rules: { enabled: true } }"},
	{"monitoring: { dashboard: { enabled: false } }", "monitoring: { dashboard: { enabled: true } }"},
	{"serviceAccount: { create: true }", "serviceAccount: { create: false, name: chat }"},
	{"filters: []", "filters: [{ name: mask, configMap: filters }, { name: own, secret: own }]"},
	{"secrets: []", "secrets: [{ name: tls, secret: chat-tls }]"},
	{"env: []", "env: [{ name: TOKEN, valueFrom: { secretKeyRef: { name: belay, key: token } } }]"},
	{"imagePullSecrets: []", "imagePullSecrets: [{ name: registry }]"},
	{"config: { drain: { over: 5s } }", "config: { drain: { accept_for: 0s, wait_for_backend: 2s } }"},
}

// Each switch alone, all of them, and positions by chance, the same ones each time.
func positions() [][]bool {
	all := make([]bool, len(switches))
	for index := range all {
		all[index] = true
	}
	positions := [][]bool{all}
	for index := range switches {
		alone := make([]bool, len(switches))
		alone[index] = true
		positions = append(positions, alone)
	}
	chance := rand.New(rand.NewSource(7))
	for range 12 {
		position := make([]bool, len(switches))
		for index := range position {
			position[index] = chance.Intn(2) == 1
		}
		positions = append(positions, position)
	}
	return positions
}

func TestEveryPositionOfTheSwitchesRendersWhatKubernetesKnows(t *testing.T) {
	for number, position := range positions() {
		t.Run(fmt.Sprint(number), func(t *testing.T) {
			t.Parallel()
			args := []string{"--namespace", "chat", "--kube-version", kubernetesVersion}
			for index, choices := range switches {
				choice := choices[0]
				if position[index] {
					choice = choices[1]
				}
				file := filepath.Join(t.TempDir(), fmt.Sprintf("%d.yaml", index))
				if err := os.WriteFile(file, []byte(choice), 0o600); err != nil {
					t.Fatal(err)
				}
				args = append(args, "--values", file)
			}
			rendered, err := helm(append([]string{"template", "belay", chart}, args...)...)
			if err != nil {
				t.Fatalf("%v\n%s", err, rendered)
			}
			read := manifests(t, rendered)
			if position[1] && !slices.Contains(read, "Deployment") {
				t.Errorf("no gateway among %v", read)
			}
			if output, err := helm(append([]string{"lint", "--strict", chart}, args...)...); err != nil {
				t.Errorf("%v\n%s", err, output)
			}
		})
	}
}

// Reads each manifest by the type that it says it is of; their kinds.
func manifests(t *testing.T, rendered string) []string {
	t.Helper()
	options := serializer.SerializerOptions{Yaml: true, Strict: true}
	strict := serializer.NewSerializerWithOptions(serializer.DefaultMetaFactory, scheme.Scheme, scheme.Scheme, options)
	var kinds []string
	for _, manifest := range strings.Split(rendered, "\n---\n") {
		var head struct{ APIVersion, Kind string }
		if err := yaml.Unmarshal([]byte(manifest), &head); err != nil {
			t.Fatalf("%v\n%s", err, manifest)
		}
		if head.Kind == "" {
			continue
		}
		kinds = append(kinds, head.Kind)
		// The operator's types; cluster_test.go installs them.
		if strings.HasPrefix(head.APIVersion, "monitoring.coreos.com/") {
			continue
		}
		if _, _, err := strict.Decode([]byte(manifest), nil, nil); err != nil && !runtime.IsNotRegisteredError(err) {
			t.Errorf("%v\n%s", err, manifest)
		} else if err != nil {
			t.Errorf("Kubernetes does not know %s %s", head.APIVersion, head.Kind)
		}
	}
	return kinds
}

// What values.yaml has, the schema has, and the other way round: a value without a default, or one that nothing checks, is
// an oversight.
func TestEveryValueHasItsDefaultItsSchemaAndItsDescription(t *testing.T) {
	var values map[string]any
	if err := yaml.Unmarshal([]byte(read(t, chart+"/values.yaml")), &values); err != nil {
		t.Fatal(err)
	}
	var schema map[string]any
	if err := json.Unmarshal([]byte(read(t, chart+"/values.schema.json")), &schema); err != nil {
		t.Fatal(err)
	}
	delete(schema["properties"].(map[string]any), "global")
	compareKeys(t, "", values, schema)

	// A comment stands above each key of the first two levels, or at least above one that stands right before it.
	lines := strings.Split(read(t, chart+"/values.yaml"), "\n")
	described := false
	for number, line := range lines {
		trimmed := strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(trimmed, "#"):
			described = true
		case trimmed == "":
			described = false
		case strings.HasPrefix(line, "    ") || strings.HasPrefix(trimmed, "-"):
		case !described:
			t.Errorf("values.yaml, line %d: nothing says what this means: %s", number+1, trimmed)
		}
	}
}

func compareKeys(t *testing.T, path string, values map[string]any, schema map[string]any) {
	t.Helper()
	properties, _ := schema["properties"].(map[string]any)
	for key, value := range values {
		property, is := properties[key].(map[string]any)
		if !is {
			// What is below is Belay's, Kubernetes' or the user's own.
			if schema["additionalProperties"] == false {
				t.Errorf("the schema does not know %s/%s", path, key)
			}
			continue
		}
		if below, is := value.(map[string]any); is && property["properties"] != nil {
			compareKeys(t, path+"/"+key, below, property)
		}
	}
	if schema["additionalProperties"] != false {
		return
	}
	for key := range properties {
		if _, is := values[key]; !is {
			t.Errorf("%s/%s has no default", path, key)
		}
	}
}

// The chart in a real API server with a real etcd, installed by the real Helm; pods are created as a user would.
package tests

import (
	"context"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"go.etcd.io/etcd/server/v3/embed"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/storage/storagebackend"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app/testing"
)

var injected = map[string]string{"belay.dev/inject": "true"}

func TestTheChartInACluster(t *testing.T) {
	cluster := startCluster(t)
	for _, namespace := range []string{"chat", "games", "other"} {
		cluster.createNamespace(t, namespace)
	}

	t.Run("a labelled pod gets the sidecar before all else", func(t *testing.T) {
		cluster.helm(t, "install", "belay", chart, "--namespace", "chat")
		cluster.waitForInjection(t, "chat", injected)

		pod := cluster.createPod(t, "chat", injected, corev1.PodSpec{
			InitContainers: []corev1.Container{{Name: "migrate", Image: "app"}},
			Containers:     []corev1.Container{{Name: "app", Image: "app"}},
			Volumes:        []corev1.Volume{{Name: "data"}},
		})
		if names := initContainers(pod); !slices.Equal(names, []string{"belay", "migrate"}) {
			t.Fatalf("init containers: %v", names)
		}
		belay := pod.Spec.InitContainers[0]
		if belay.RestartPolicy == nil || *belay.RestartPolicy != corev1.ContainerRestartPolicyAlways {
			t.Error("it is no sidecar: it does not go on running")
		}
		if context := belay.SecurityContext; !*context.RunAsNonRoot || !*context.ReadOnlyRootFilesystem || context.Capabilities.Drop[0] != "ALL" {
			t.Errorf("its security context: %+v", context)
		}
		if belay.ReadinessProbe == nil || belay.LivenessProbe == nil || belay.StartupProbe == nil {
			t.Error("it lacks a probe")
		}
		if len(pod.Spec.Volumes) != 3 || pod.Spec.Volumes[0].Name != "data" {
			t.Errorf("volumes: %+v", pod.Spec.Volumes)
		}
		name := pod.Spec.Volumes[1].ConfigMap.Name
		if _, err := cluster.client.CoreV1().ConfigMaps("chat").Get(context.Background(), name, metav1.GetOptions{}); err != nil {
			t.Errorf("its configuration: %v", err)
		}
	})

	t.Run("other pods are left alone", func(t *testing.T) {
		for namespace, labels := range map[string]map[string]string{"chat": nil, "other": injected} {
			if names := initContainers(cluster.createPod(t, namespace, labels, app())); len(names) != 0 {
				t.Errorf("a pod in %s with the labels %v has %v", namespace, labels, names)
			}
		}
		own := corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: "app"}, {Name: "belay", Image: "own"}}}
		if names := initContainers(cluster.createPod(t, "chat", injected, own)); len(names) != 0 {
			t.Errorf("a pod with a belay of its own has %v", names)
		}
	})

	t.Run("an upgrade changes namespaces and label", func(t *testing.T) {
		cluster.helm(t, "upgrade", "belay", chart, "--namespace", "chat", "--values", "values/inject.yaml")
		cluster.waitForInjection(t, "games", map[string]string{"example.com/belay": "sidecar"})
	})

	t.Run("after uninstalling pods are created as before", func(t *testing.T) {
		cluster.helm(t, "uninstall", "belay", "--namespace", "chat")
		for deadline := time.Now().Add(patience); ; {
			if len(initContainers(cluster.createPod(t, "games", map[string]string{"example.com/belay": "sidecar"}, app()))) == 0 {
				break
			}
			if time.Now().After(deadline) {
				t.Fatal("the policy is still there")
			}
		}
	})

	t.Run("a gateway with everything is accepted", func(t *testing.T) {
		cluster.helm(t, "install", "gateway", chart, "--namespace", "other", "--values", "values/gateway.yaml")
		deployment, err := cluster.client.AppsV1().Deployments("other").Get(context.Background(), "gateway-belay", metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if ports := deployment.Spec.Template.Spec.Containers[0].Ports; len(ports) != 3 {
			t.Errorf("ports: %+v", ports)
		}
	})

	t.Run("helm test", func(t *testing.T) { testHelmTest(t, cluster) })

	t.Run("what the Prometheus Operator reads is accepted by its own types", func(t *testing.T) {
		cluster.installOperatorTypes(t)
		cluster.createNamespace(t, "watched")
		cluster.helm(t, "install", "watched", chart, "--namespace", "watched", "--values", "values/monitoring.yaml")
	})
}

// What the API server takes at most to see a policy come or go.
const patience = time.Minute

type cluster struct {
	config     *rest.Config
	client     kubernetes.Interface
	kubeconfig string
}

func startCluster(t *testing.T) cluster {
	t.Helper()
	storage := storagebackend.NewDefaultConfig("/registry", nil)
	storage.Transport.ServerList = []string{startEtcd(t)}
	// Nobody makes service accounts here.
	flags := []string{"--disable-admission-plugins=ServiceAccount"}
	server := apiserver.StartTestServerOrDie(t, nil, flags, storage)
	t.Cleanup(server.TearDownFn)
	client, err := kubernetes.NewForConfig(server.ClientConfig)
	if err != nil {
		t.Fatal(err)
	}
	return cluster{config: server.ClientConfig, client: client, kubeconfig: writeKubeconfig(t, server.ClientConfig)}
}

func startEtcd(t *testing.T) string {
	t.Helper()
	config := embed.NewConfig()
	config.Dir = t.TempDir()
	config.LogLevel = "error"
	loopback := []url.URL{{Scheme: "http", Host: "127.0.0.1:0"}}
	config.ListenClientUrls, config.AdvertiseClientUrls = loopback, loopback
	config.ListenPeerUrls, config.AdvertisePeerUrls = loopback, loopback
	config.InitialCluster = config.InitialClusterFromName(config.Name)
	etcd, err := embed.StartEtcd(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(etcd.Close)
	<-etcd.Server.ReadyNotify()
	return "http://" + etcd.Clients[0].Addr().String()
}

func writeKubeconfig(t *testing.T, config *rest.Config) string {
	t.Helper()
	file := clientcmdapi.NewConfig()
	file.Clusters["test"] = &clientcmdapi.Cluster{
		Server:                   config.Host,
		TLSServerName:            config.ServerName,
		CertificateAuthorityData: config.CAData,
	}
	file.AuthInfos["test"] = &clientcmdapi.AuthInfo{Token: config.BearerToken}
	file.Contexts["test"] = &clientcmdapi.Context{Cluster: "test", AuthInfo: "test"}
	file.CurrentContext = "test"
	path := filepath.Join(t.TempDir(), "kubeconfig")
	if err := clientcmd.WriteToFile(*file, path); err != nil {
		t.Fatal(err)
	}
	return path
}

func (c cluster) helm(t *testing.T, args ...string) {
	t.Helper()
	command := exec.Command("helm", args...)
	command.Env = append(os.Environ(), "KUBECONFIG="+c.kubeconfig)
	if output, err := command.CombinedOutput(); err != nil {
		t.Fatalf("helm %v: %v\n%s", args, err, output)
	}
}

func (c cluster) createNamespace(t *testing.T, name string) {
	t.Helper()
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
	if _, err := c.client.CoreV1().Namespaces().Create(context.Background(), namespace, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
}

func (c cluster) createPod(t *testing.T, namespace string, labels map[string]string, spec corev1.PodSpec) *corev1.Pod {
	t.Helper()
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{GenerateName: "app-", Labels: labels}, Spec: spec}
	created, err := c.client.CoreV1().Pods(namespace).Create(context.Background(), pod, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return created
}

// The API server takes a moment to see a policy.
func (c cluster) waitForInjection(t *testing.T, namespace string, labels map[string]string) {
	t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		if slices.Contains(initContainers(c.createPod(t, namespace, labels, app())), "belay") {
			return
		}
	}
	t.Fatalf("pods in %s with the labels %v never got the sidecar", namespace, labels)
}

func app() corev1.PodSpec {
	return corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: "app"}}}
}

func initContainers(pod *corev1.Pod) []string {
	var names []string
	for _, container := range pod.Spec.InitContainers {
		names = append(names, container.Name)
	}
	return names
}

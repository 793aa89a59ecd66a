// The chart on a node: a real kubelet with containerd and runc, joined to the API server of cluster_test.go, runs the pods that
// it mutates. `cargo xtask test node` builds the kubelet and says where it is; the test binds pods to the one node there is.
package tests

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
)

const (
	node       = "node"
	pauseImage = "localhost/pause:1"
	belayImage = "localhost/belay"
	appImage   = "localhost/app:1"
)

func TestTheChartOnANode(t *testing.T) {
	kubelet := os.Getenv("BELAY_KUBELET")
	if kubelet == "" {
		t.Skip("BELAY_KUBELET names no kubelet to run: cargo xtask test node")
	}
	belay := program(t)
	// Last of all, when no container is left.
	t.Cleanup(undoKubelet(t))
	cluster := startCluster(t)
	containerd := startContainerd(t)
	containerd.importImage(t, pauseImage, map[string]string{"pause": buildPause(t)}, "/pause")
	containerd.importImage(t, appImage, map[string]string{"app": buildApp(t)}, "/app")
	containerd.importImage(t, belayImage+":test", withLibraries(t, belay), "/usr/bin/belay")
	cluster.startKubelet(t, kubelet, containerd)
	cluster.bindPods(t)
	cluster.createNamespace(t, "chat")
	cluster.helm(t, "install", "belay", chart, "--namespace", "chat", "--set",
		"image.repository="+belayImage+",image.tag=test,image.pullPolicy=Never,config.drain.over=2s")
	cluster.waitForInjection(t, "chat", injected)

	pod := cluster.createPod(t, "chat", injected, corev1.PodSpec{
		Containers: []corev1.Container{{
			Name: "app", Image: appImage, ImagePullPolicy: corev1.PullNever,
			ReadinessProbe: &corev1.Probe{ProbeHandler: corev1.ProbeHandler{TCPSocket: &corev1.TCPSocketAction{Port: intstr.FromInt32(9000)}}, PeriodSeconds: 1},
		}},
		AutomountServiceAccountToken:  ptr.To(false),
		TerminationGracePeriodSeconds: ptr.To(int64(30)),
	})
	pod = cluster.waitForPod(t, pod, "ready", func(pod *corev1.Pod) bool {
		for _, condition := range pod.Status.Conditions {
			if condition.Type == corev1.PodReady {
				return condition.Status == corev1.ConditionTrue
			}
		}
		return false
	})
	clients := make([]*websocket.Conn, 10)
	for index := range clients {
		client, _, err := websocket.DefaultDialer.Dial("ws://"+pod.Status.PodIP+":8080/", nil)
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		clients[index] = client
	}
	chat(t, clients, "hello")

	t.Run("the sidecar is what the chart says, as the kernel sees it", func(t *testing.T) {
		if metrics := get(t, "http://"+pod.Status.PodIP+":9901/metrics"); !strings.Contains(metrics, "\nbelay_workers 1\n") {
			t.Error("with a limit of one CPU it has not one worker")
		}
		status := read(t, fmt.Sprintf("/proc/%d/status", containerd.processOf(t, pod.Status.InitContainerStatuses[0].ContainerID)))
		for _, line := range []string{"Uid:\t65532\t", "CapPrm:\t0000000000000000", "CapBnd:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2"} {
			if !strings.Contains(status, line) {
				t.Errorf("it does not have %q:\n%s", line, status)
			}
		}
	})

	t.Run("helm test ends well", func(t *testing.T) {
		command := exec.Command("helm", "test", "belay", "--namespace", "chat", "--timeout", "2m")
		command.Env = append(os.Environ(), "KUBECONFIG="+cluster.kubeconfig)
		if output, err := command.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, output)
		}
	})

	t.Run("an application that crashes and is started again drops no client", func(t *testing.T) {
		for crash := range 2 {
			killed := containerd.processOf(t, pod.Status.ContainerStatuses[0].ContainerID)
			if err := exec.Command("kill", "-KILL", fmt.Sprint(killed)).Run(); err != nil {
				t.Fatal(err)
			}
			restarts := int32(crash + 1)
			pod = cluster.waitForPod(t, pod, "restarted", func(pod *corev1.Pod) bool {
				app := pod.Status.ContainerStatuses[0]
				return app.RestartCount == restarts && app.State.Running != nil
			})
			chat(t, clients, fmt.Sprint("after crash ", restarts))
		}
		if restarts := pod.Status.InitContainerStatuses[0].RestartCount; restarts != 0 {
			t.Errorf("the sidecar was started %d times more", restarts)
		}
	})

	t.Run("a pod that is deleted ends the application first, and then tells each client when to come back", func(t *testing.T) {
		if err := cluster.client.CoreV1().Pods("chat").Delete(context.Background(), pod.Name, metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
		// The application has a second yet.
		chat(t, clients, "what was begun")
		hint := regexp.MustCompile(`^going away; reconnect after [0-9.]+ s$`)
		told := map[string]bool{}
		for _, client := range clients {
			_ = client.SetReadDeadline(time.Now().Add(patience))
			_, _, err := client.ReadMessage()
			closed, is := err.(*websocket.CloseError)
			if !is || closed.Code != websocket.CloseGoingAway || !hint.MatchString(closed.Text) {
				t.Fatalf("a client was told %v", err)
			}
			told[closed.Text] = true
		}
		if len(told) < 3 {
			t.Errorf("they come back at the same time: %v", told)
		}
		for deadline := time.Now().Add(patience); ; time.Sleep(200 * time.Millisecond) {
			if _, err := cluster.client.CoreV1().Pods("chat").Get(context.Background(), pod.Name, metav1.GetOptions{}); err != nil {
				break
			} else if time.Now().After(deadline) {
				t.Fatal("the pod is still there")
			}
		}
	})
}

// Each client says it and hears it.
func chat(t *testing.T, clients []*websocket.Conn, text string) {
	t.Helper()
	for _, client := range clients {
		if err := client.WriteMessage(websocket.TextMessage, []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	for _, client := range clients {
		_ = client.SetReadDeadline(time.Now().Add(patience))
		if _, message, err := client.ReadMessage(); err != nil || string(message) != text {
			t.Fatalf("heard %q, %v", message, err)
		}
	}
}

func get(t *testing.T, url string) string {
	t.Helper()
	answer, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, _ := io.ReadAll(answer.Body)
	return string(body)
}

func (c cluster) waitForPod(t *testing.T, pod *corev1.Pod, what string, is func(*corev1.Pod) bool) *corev1.Pod {
	t.Helper()
	for deadline := time.Now().Add(2 * patience); ; time.Sleep(200 * time.Millisecond) {
		now, err := c.client.CoreV1().Pods(pod.Namespace).Get(context.Background(), pod.Name, metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if is(now) {
			return now
		}
		if time.Now().After(deadline) {
			status, _ := json.MarshalIndent(now.Status, "", " ")
			t.Fatalf("%s is not %s: %s", pod.Name, what, status)
		}
	}
}

// In the scheduler's place: there is one node.
func (c cluster) bindPods(t *testing.T) {
	t.Helper()
	background, stop := context.WithCancel(context.Background())
	t.Cleanup(stop)
	go func() {
		for background.Err() == nil {
			pods, err := c.client.CoreV1().Pods("").List(background, metav1.ListOptions{FieldSelector: "spec.nodeName="})
			if err != nil {
				continue
			}
			for _, pod := range pods.Items {
				binding := &corev1.Binding{ObjectMeta: metav1.ObjectMeta{Name: pod.Name}, Target: corev1.ObjectReference{Kind: "Node", Name: node}}
				_ = c.client.CoreV1().Pods(pod.Namespace).Bind(background, binding, metav1.CreateOptions{})
			}
			time.Sleep(100 * time.Millisecond)
		}
	}()
}

func (c cluster) startKubelet(t *testing.T, kubelet string, containerd containerd) {
	t.Helper()
	folder := containerd.folder
	config := fmt.Sprintf(`
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
containerRuntimeEndpoint: unix://%s
cgroupDriver: cgroupfs
failCgroupV1: false
failSwapOn: false
featureGates: { KubeletInUserNamespace: true }
authentication: { anonymous: { enabled: true }, webhook: { enabled: false } }
authorization: { mode: AlwaysAllow }
address: 127.0.0.1
port: 0
readOnlyPort: 0
healthzPort: 0
makeIPTablesUtilChains: false
enforceNodeAllocatable: [none]
localStorageCapacityIsolation: false
evictionHard: { memory.available: "1Mi" }
resolvConf: ""
syncFrequency: 5s
nodeStatusUpdateFrequency: 1s
podLogsDir: %s
volumePluginDir: %s
`, containerd.socket, filepath.Join(folder, "pods"), filepath.Join(folder, "plugins"))
	file := filepath.Join(folder, "kubelet.yaml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	start(t, folder, kubelet, "--config", file, "--kubeconfig", c.kubeconfig, "--hostname-override", node,
		"--root-dir", filepath.Join(folder, "kubelet"), "--node-ip", "127.0.0.1")
	for deadline := time.Now().Add(2 * patience); ; time.Sleep(200 * time.Millisecond) {
		found, err := c.client.CoreV1().Nodes().Get(context.Background(), node, metav1.GetOptions{})
		if err == nil {
			for _, condition := range found.Status.Conditions {
				if condition.Type == corev1.NodeReady && condition.Status == corev1.ConditionTrue {
					return
				}
			}
		}
		if time.Now().After(deadline) {
			t.Fatalf("the node is not ready: %v", err)
		}
	}
}

// A kubelet sets the kernel to its liking, and leaves control groups behind. This takes both back.
func undoKubelet(t *testing.T) func() {
	t.Helper()
	settings := map[string]string{}
	for _, name := range []string{"vm/overcommit_memory", "vm/panic_on_oom", "kernel/panic", "kernel/panic_on_oops"} {
		settings[name] = read(t, "/proc/sys/"+name)
	}
	return func() {
		for name, value := range settings {
			_ = os.WriteFile("/proc/sys/"+name, []byte(value), 0o644)
		}
		_ = exec.Command("find", "/sys/fs/cgroup", "-depth", "-type", "d", "-path", "*/kubepods*", "-delete").Run()
	}
}

// What runs containers. All that it has is in a folder of its own.
type containerd struct{ folder, socket string }

func startContainerd(t *testing.T) containerd {
	t.Helper()
	// Short: the path of a socket has 108 bytes at most.
	folder, err := os.MkdirTemp("", "node")
	if err != nil {
		t.Fatal(err)
	}
	c := containerd{folder, filepath.Join(folder, "containerd.sock")}
	t.Cleanup(func() { c.remove(t) })
	config := fmt.Sprintf(`
version = 2
root = "%[1]s/root"
state = "%[1]s/state"
[grpc]
address = "%[2]s"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "%[3]s"
restrict_oom_score_adj = true
disable_apparmor = true
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "/usr/lib/cni"
conf_dir = "%[1]s/cni"
`, folder, c.socket, pauseImage)
	network := fmt.Sprintf(`{"cniVersion":"0.4.0","name":"belay-test","plugins":[{"type":"bridge","bridge":"belaytest0","isGateway":true,
"ipam":{"type":"host-local","ranges":[[{"subnet":"10.213.7.0/24"}]],"dataDir":"%s/addresses"}}]}`, folder)
	if err := os.Mkdir(filepath.Join(folder, "cni"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{"containerd.toml": config, "cni/10-test.conflist": network} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	start(t, folder, "containerd", "--config", filepath.Join(folder, "containerd.toml"))
	for deadline := time.Now().Add(patience); ; time.Sleep(100 * time.Millisecond) {
		if output, err := c.ctr("version"); err == nil {
			t.Cleanup(c.endPods)
			return c
		} else if time.Now().After(deadline) {
			t.Fatalf("containerd does not answer: %s", output)
		}
	}
}

func (c containerd) ctr(args ...string) (string, error) {
	output, err := exec.Command("ctr", append([]string{"--address", c.socket, "--namespace", "k8s.io"}, args...)...).CombinedOutput()
	return string(output), err
}

// The first process of a container, as this machine numbers it.
func (c containerd) processOf(t *testing.T, containerID string) int {
	t.Helper()
	_, id, _ := strings.Cut(containerID, "://")
	output, err := c.ctr("tasks", "ls")
	var process int
	for _, line := range strings.Split(output, "\n") {
		if strings.HasPrefix(line, id) {
			fmt.Sscan(strings.Fields(line)[1], &process)
		}
	}
	if process == 0 {
		t.Fatalf("%s does not run: %v\n%s", containerID, err, output)
	}
	return process
}

// Ends what is left of pods, and the network that they had. After the kubelet, which would start them again.
func (c containerd) endPods() {
	if left, err := c.ctr("tasks", "ls", "-q"); err == nil {
		for _, task := range strings.Fields(left) {
			_, _ = c.ctr("tasks", "kill", "-s", "SIGKILL", task)
			_, _ = c.ctr("tasks", "rm", "-f", task)
		}
	}
	_ = exec.Command("ip", "link", "delete", "belaytest0").Run()
}

// Removes the folder, and before that whatever is mounted in it.
func (c containerd) remove(t *testing.T) {
	mounts, _ := os.ReadFile("/proc/self/mounts")
	lines := strings.Split(string(mounts), "\n")
	for index := len(lines) - 1; index >= 0; index-- {
		if fields := strings.Fields(lines[index]); len(fields) > 1 && strings.HasPrefix(fields[1], c.folder+"/") {
			_ = exec.Command("umount", "--lazy", fields[1]).Run()
		}
	}
	if t.Failed() {
		t.Logf("logs are in %s", c.folder)
		return
	}
	if err := os.RemoveAll(c.folder); err != nil {
		t.Log(err)
	}
}

// An image of these files, by their places in it.
func (c containerd) importImage(t *testing.T, name string, files map[string]string, entrypoint string) {
	t.Helper()
	var layer bytes.Buffer
	writer := tar.NewWriter(&layer)
	for place, file := range files {
		add(t, writer, place, []byte(read(t, file)), 0o755)
	}
	for _, folder := range []string{"etc/belay/config", "var/cache/belay"} {
		if err := writer.WriteHeader(&tar.Header{Name: folder + "/", Mode: 0o755, Typeflag: tar.TypeDir}); err != nil {
			t.Fatal(err)
		}
	}
	_ = writer.Close()
	config := fmt.Sprintf(`{"architecture":"amd64","os":"linux","config":{"Entrypoint":[%q]},"rootfs":{"type":"layers","diff_ids":["sha256:%x"]}}`,
		entrypoint, sha256.Sum256(layer.Bytes()))
	var archive bytes.Buffer
	writer = tar.NewWriter(&archive)
	add(t, writer, "config.json", []byte(config), 0o644)
	add(t, writer, "layer.tar", layer.Bytes(), 0o644)
	add(t, writer, "manifest.json", fmt.Appendf(nil, `[{"Config":"config.json","RepoTags":[%q],"Layers":["layer.tar"]}]`, name), 0o644)
	_ = writer.Close()
	file := filepath.Join(t.TempDir(), "image.tar")
	if err := os.WriteFile(file, archive.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	if output, err := c.ctr("images", "import", file); err != nil {
		t.Fatalf("%s: %v\n%s", name, err, output)
	}
}

func add(t *testing.T, writer *tar.Writer, name string, content []byte, mode fs.FileMode) {
	t.Helper()
	if err := writer.WriteHeader(&tar.Header{Name: name, Mode: int64(mode), Size: int64(len(content))}); err != nil {
		t.Fatal(err)
	}
	if _, err := writer.Write(content); err != nil {
		t.Fatal(err)
	}
}

// The program and what it is linked with, by their places in an image.
func withLibraries(t *testing.T, program string) map[string]string {
	t.Helper()
	files := map[string]string{"usr/bin/belay": program}
	// It fails for what is linked statically.
	linked, _ := exec.Command("ldd", program).Output()
	for _, word := range strings.Fields(string(linked)) {
		if strings.HasPrefix(word, "/") {
			files[word[1:]] = word
		}
	}
	return files
}

func buildApp(t *testing.T) string { return build(t, "./app") }

// Holds a pod's namespaces, and waits.
func buildPause(t *testing.T) string { return build(t, "./pause") }

func build(t *testing.T, what string) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "program")
	command := exec.Command("go", "build", "-o", program, what)
	command.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", what, err, output)
	}
	return program
}

// A program that runs until the test ends, and its log.
func start(t *testing.T, folder, program string, args ...string) {
	t.Helper()
	log, err := os.Create(filepath.Join(folder, filepath.Base(program)+".log"))
	if err != nil {
		t.Fatal(err)
	}
	command := exec.Command(program, args...)
	command.Stdout, command.Stderr = log, log
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = command.Process.Signal(os.Interrupt)
		_ = command.Wait()
		log.Close()
	})
}

// `helm test` with the test playing the kubelet: its pods' containers are run as processes of the real program, with the
// configuration that the API server has for them.
package tests

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// The program that was built of these sources, which `cargo xtask test chart` names.
func program(t *testing.T) string {
	t.Helper()
	program := os.Getenv("BELAY_PROGRAM")
	if program == "" {
		t.Skip("BELAY_PROGRAM names no belay to run")
	}
	return program
}

func testHelmTest(t *testing.T, cluster cluster) {
	belay := program(t)
	listener, admin := freeAddress(t), freeAddress(t)
	cluster.createNamespace(t, "drill")
	cluster.helm(t, "install", "drill", chart, "--namespace", "drill",
		"--set", "config.listeners[0].address="+listener, "--set", "config.admin.address="+admin)
	cluster.waitForInjection(t, "drill", injected)

	t.Run("ends well if the pod was given a Belay that serves", func(t *testing.T) {
		output, err := cluster.helmTest(t, "drill", func(pod *corev1.Pod) corev1.PodPhase {
			if names := initContainers(pod); len(names) != 1 {
				t.Errorf("the test's pod has the init containers %v", names)
				return corev1.PodFailed
			}
			stop := cluster.runSidecar(t, belay, pod, "http://"+admin+"/ready")
			defer stop()
			return run(t, belay, pod.Spec.Containers[0].Args)
		})
		if err != nil {
			t.Errorf("%v\n%s", err, output)
		}
	})

	t.Run("ends badly if it was not", func(t *testing.T) {
		output, err := cluster.helmTest(t, "drill", func(pod *corev1.Pod) corev1.PodPhase {
			args := strings.Split(strings.ReplaceAll(strings.Join(pod.Spec.Containers[0].Args, "\n"), "=60", "=0"), "\n")
			return run(t, belay, args)
		})
		if err == nil {
			t.Errorf("there was nothing to answer it\n%s", output)
		}
	})
	cluster.helm(t, "uninstall", "drill", "--namespace", "drill")
}

// Runs `helm test`, and for each of its pods `kubelet`, which says what became of it.
func (c cluster) helmTest(t *testing.T, release string, kubelet func(*corev1.Pod) corev1.PodPhase) (string, error) {
	t.Helper()
	background := context.Background()
	pods := c.client.CoreV1().Pods(release)
	created, err := pods.Watch(background, metav1.ListOptions{LabelSelector: "app.kubernetes.io/component=test"})
	if err != nil {
		t.Fatal(err)
	}
	defer created.Stop()
	go func() {
		for event := range created.ResultChan() {
			pod, is := event.Object.(*corev1.Pod)
			if !is || event.Type != "ADDED" || pod.Status.Phase != corev1.PodPending {
				continue
			}
			pod.Status.Phase = kubelet(pod)
			if _, err := pods.UpdateStatus(background, pod, metav1.UpdateOptions{}); err != nil {
				t.Error(err)
			}
		}
	}()
	command := exec.Command("helm", "test", release, "--namespace", release, "--timeout", "2m")
	command.Env = append(os.Environ(), "KUBECONFIG="+c.kubeconfig)
	output, err := command.CombinedOutput()
	return string(output), err
}

// The pod's first init container, until it is stopped.
func (c cluster) runSidecar(t *testing.T, belay string, pod *corev1.Pod, ready string) (stop func()) {
	t.Helper()
	container := pod.Spec.InitContainers[0]
	var args []string
	for _, arg := range container.Args {
		for _, mount := range container.VolumeMounts {
			if file, is := strings.CutPrefix(arg, mount.MountPath+"/"); is {
				arg = filepath.Join(c.mounted(t, pod, mount.Name), file)
			}
		}
		args = append(args, arg)
	}
	command := exec.Command(belay, args...)
	log := &strings.Builder{}
	command.Stdout, command.Stderr = log, log
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	// The startup probe, which the other containers wait for.
	for deadline := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		if answer, err := http.Get(ready); err == nil {
			answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				break
			}
		}
		if time.Now().After(deadline) {
			_ = command.Process.Kill()
			t.Fatalf("the sidecar is not ready\n%s", log)
		}
	}
	return func() {
		_ = command.Process.Signal(os.Interrupt)
		if err := command.Wait(); err != nil {
			t.Errorf("the sidecar: %v\n%s", err, log)
		}
	}
}

// A folder with what a ConfigMap's volume has.
func (c cluster) mounted(t *testing.T, pod *corev1.Pod, volume string) string {
	t.Helper()
	folder := t.TempDir()
	for _, candidate := range pod.Spec.Volumes {
		if candidate.Name != volume || candidate.ConfigMap == nil {
			continue
		}
		name := candidate.ConfigMap.Name
		config, err := c.client.CoreV1().ConfigMaps(pod.Namespace).Get(context.Background(), name, metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for file, content := range config.Data {
			if err := os.WriteFile(filepath.Join(folder, file), []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	return folder
}

func run(t *testing.T, program string, args []string) corev1.PodPhase {
	output, err := exec.Command(program, args...).CombinedOutput()
	t.Logf("%v: %s", args, output)
	if err != nil {
		return corev1.PodFailed
	}
	return corev1.PodSucceeded
}

func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return fmt.Sprint(listener.Addr())
}

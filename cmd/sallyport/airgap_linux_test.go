package main

import (
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/openai/openai-go/v3/option"
	"golang.org/x/sys/unix"
)

const inEmptyNetwork = "SALLYPORT_TEST_EMPTY_NETWORK"

// TestAirGap runs the service where there is no network at all but loopback: it
// starts, decides, records and answers, and a cloud target that cannot be reached
// gives way to one that can. Whatever would have to phone home would fail here.
func TestAirGap(t *testing.T) {
	if os.Getenv(inEmptyNetwork) != "" {
		t.Skip("runs itself in a network namespace")
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestInEmptyNetwork$", "-test.v")
	cmd.Env = append(os.Environ(), inEmptyNetwork+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	out, err := cmd.CombinedOutput()
	if err != nil && cmd.ProcessState == nil {
		t.Skipf("this system does not let a test make a network namespace: %v", err)
	}
	if err != nil || !strings.Contains(string(out), "--- PASS: TestInEmptyNetwork") {
		t.Errorf("in an empty network: %v\n%s", err, out)
	}
}

func TestInEmptyNetwork(t *testing.T) {
	if os.Getenv(inEmptyNetwork) == "" {
		t.Skip("TestAirGap runs this in a network namespace")
	}
	if err := loopbackUp(); err != nil {
		t.Fatal(err)
	}
	if c, err := net.Dial("tcp", "192.0.2.1:443"); err == nil {
		c.Close()
		t.Fatal("this network is not empty")
	}
	unreachable := `
target "cloud" "real" {
  dialect  = "openai"
  base_url = "https://api.example.com/v1"
  model "demo-small" {
    cost_per_mtok = { input = 0, output = 0 }
    ttft_hint     = "1ms"
  }
}
`
	config := strings.Replace(demo(), "anonymous = true", "key \"a\" { secret = env(\"KEY\") }", 1) + unreachable
	s := serveConfig(t, t.TempDir(), config, environment("KEY", "secret"))
	c := client(s, "secret")
	var res *http.Response
	if _, err := c.Chat.Completions.New(t.Context(), ask("auto", "charge 4111 1111 1111 1111"), option.WithResponseInto(&res)); err != nil ||
		!strings.HasPrefix(res.Header.Get("Inference-Status"), "demo-vault;") {
		t.Errorf("%v: %q", err, res.Header.Get("Inference-Status"))
	}
	if _, err := c.Chat.Completions.New(t.Context(), ask("demo-small", "hello"), option.WithResponseInto(&res)); err != nil ||
		!strings.HasPrefix(res.Header.Get("Inference-Status"), "demo-edge;") {
		t.Errorf("a provider that is down: %v: %q", err, res.Header.Get("Inference-Status"))
	}
}

// loopbackUp does what "ip link set lo up" does.
func loopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	req, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	req.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, req)
}

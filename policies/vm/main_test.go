package vm_test

import (
	"os"
	"testing"

	"github.com/open-policy-agent/opa/v1/rego"

	"github.com/sallyport-ai/sallyport/policies/vm"
)

func TestMain(m *testing.M) {
	rego.RegisterPlugin(vm.TargetName, vm.Target{})
	rego.RegisterPlugin("plan", plans)
	os.Exit(m.Run())
}

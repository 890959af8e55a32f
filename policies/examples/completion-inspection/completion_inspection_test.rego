package sallyport.rules.completion_inspection_test

import data.sallyport.rules.completion_inspection
import data.sallyport.testing

# Settings of the tests' own, so that these hold whatever yours are.
completions := {
	"tenants": {
		"acme": {"classifiers": ["pii", "secrets"], "on_finding": "redact"},
		"bank": {"classifiers": ["pii"], "on_finding": "deny"},
		"labs": {"classifiers": [], "on_finding": "report"},
	},
	"default": {"classifiers": ["secrets"], "on_finding": "report"},
}

asks(tenant) := testing.request({"principal": {"tenant": tenant}})

obliged(tenant) := obligation if {
	obligation := completion_inspection.obligation with input as asks(tenant) with data.completions as completions
}

test_each_tenant_has_its_own if {
	obliged("acme") == {"inspect_completion": {"pii", "secrets"}, "on_completion_finding": "redact"}
	obliged("bank") == {"inspect_completion": {"pii"}, "on_completion_finding": "deny"}
}

test_others_have_the_default if {
	obliged("strangers") == {"inspect_completion": {"secrets"}, "on_completion_finding": "report"}
}

test_nothing_is_read if obliged("labs") == {"inspect_completion": set()}

# Your data: this one reads completions/data.yaml as it stands.
test_settings_are_usable if {
	every settings in array.concat([data.completions["default"]], [s | some s in data.completions.tenants]) {
		is_array(settings.classifiers)
		settings.on_finding in {"report", "redact", "deny"}
	}
}

# The whole decision, in which other packages may have their say.
test_decision if {
	acme := data.sallyport.decision with input as asks("acme") with data.completions as completions
	acme.obligations.inspect_completion == {"pii", "secrets"}
	acme.obligations.on_completion_finding == "redact"
	labs := data.sallyport.decision with input as asks("labs") with data.completions as completions
	not labs.obligations.inspect_completion
}

package sallyport.rules.pci_test

import data.sallyport.rules.pci
import data.sallyport.testing

# Settings of the tests' own, so that these hold whatever yours are.
cardholder := {"threshold": 0.5, "classifiers": ["pii"], "tools": ["charge_card"]}

# The vault and the cluster are in scope.
targets := {"targets": {
	"air_gapped": {"attributes": {"pci_scope": "in"}},
	"gpu_cluster": {"attributes": {"pci_scope": "in"}},
	"edge": {"attributes": {"pci_scope": "out"}},
}}

asks(changes) := testing.request(object.union(targets, changes))

card := testing.found("pii", "CREDIT_CARD", 0.9)

in_scope := {"principal": {"attributes": {"pci_scope": "in"}}}

image := {"request": {"modalities": ["text", "image"]}}

excluded(req, code) := names if {
	names := testing.excluded(pci.exclude, code) with input as req with data.cardholder as cardholder
}

denied(req) := codes if {
	codes := testing.codes(pci.deny) with input as req with data.cardholder as cardholder
}

obliged(req) := obligation if {
	obligation := pci.obligation with input as req with data.cardholder as cardholder
}

test_no_card_number if {
	every changes in [{}, in_scope, testing.found("pii", "EMAIL_ADDRESS", 1)] {
		denied(asks(changes)) == set()
		count(pci.exclude) == 0 with input as asks(changes) with data.cardholder as cardholder
		obliged(asks(changes)) == {"redact": set(), "strip_tools": set()}
	}
}

test_in_scope_stays_in_scope if {
	req := asks(object.union(card, in_scope))
	excluded(req, "pan_out_of_scope") == {"cloud", "edge"}
	obliged(req).redact == set()
	denied(req) == set()
}

test_out_of_scope_is_redacted if {
	every scope in ["out", "IN", ""] {
		req := asks(object.union(card, {"principal": {"attributes": {"pci_scope": scope}}}))
		obliged(req).redact == {"CREDIT_CARD"}
		count(pci.exclude) == 0 with input as req with data.cardholder as cardholder
	}
	obliged(asks(card)).redact == {"CREDIT_CARD"}
	not obliged(asks(card)).restore
}

test_threshold if {
	obliged(asks(testing.found("pii", "CREDIT_CARD", 0.5))).redact == {"CREDIT_CARD"}
	obliged(asks(testing.found("pii", "CREDIT_CARD", 0.49))).redact == set()
}

test_nothing_of_it_is_kept if {
	every changes in [card, object.union(card, in_scope), object.union(image, in_scope)] {
		obliged(asks(changes)).log == "metadata"
		obliged(asks(changes)).hedge == false
	}
	not obliged(asks({})).log
}

test_tools if {
	tools := {"request": {"tools": ["charge_card", "send_mail"]}}
	obliged(asks(object.union_n([card, in_scope, tools]))).strip_tools == {"send_mail"}
	obliged(asks(object.union(in_scope, tools))).strip_tools == set()
}

test_what_nobody_has_read if {
	excluded(asks(object.union(image, in_scope)), "pan_unread") == {"cloud", "edge"}
	denied(asks(object.union(image, in_scope))) == set()
	denied(asks(image)) == {"pan_unread"}
	denied(asks({"classifiers": {"pii": {"error": "time_limit"}}})) == {"pan_unread"}
	denied(json.remove(asks({}), ["classifiers/pii"])) == {"pan_unread"}
}

# Your data: this one reads cardholder/data.yaml as it stands.
test_settings_are_usable if {
	data.cardholder.threshold > 0
	data.cardholder.threshold <= 1
	count(data.cardholder.classifiers) > 0
	is_array(data.cardholder.tools)
}

# The whole decision, in which other packages may have their say.
test_decision if {
	decision := data.sallyport.decision with input as asks(object.union(card, in_scope)) with data.cardholder as cardholder
	testing.excluded(decision.exclude, "pan_out_of_scope") == {"cloud", "edge"}
	decision.obligations.hedge == false
	decision.obligations.log != "full"
}

test_without_a_target_in_scope_it_is_denied if {
	decision := data.sallyport.decision with input as testing.request(object.union(card, in_scope))
		with data.cardholder as cardholder
	not decision.allow
}

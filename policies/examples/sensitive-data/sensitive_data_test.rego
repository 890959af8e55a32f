package sallyport.rules.sensitive_data_test

import data.sallyport.rules.sensitive_data
import data.sallyport.testing

# Treatments of the tests' own, so that these hold whatever yours are.
handling := {
	"threshold": 0.5,
	"classifiers": ["pii", "secrets"],
	"kinds": {
		"SECRET_PRIVATE_KEY": "deny",
		"CREDIT_CARD": "air_gap",
		"EMAIL_ADDRESS": "redact",
		"DE_VAT": "local",
		"IP_ADDRESS": "ignore",
		"UK_NHS": "redcat",
	},
	"secrets": "local",
	"personal": "local",
}

found(kind, score) := testing.request(testing.found("pii", kind, score))

denied(req) := codes if {
	codes := testing.codes(sensitive_data.deny) with input as req with data.handling as handling
}

excluded(req, code) := targets if {
	targets := testing.excluded(sensitive_data.exclude, code) with input as req with data.handling as handling
}

redacted(req) := kinds if {
	kinds := sensitive_data.obligation.redact with input as req with data.handling as handling
}

test_nothing_found if {
	denied(testing.request({})) == set()
	count(sensitive_data.exclude) == 0 with input as testing.request({}) with data.handling as handling
	redacted(testing.request({})) == set()
	not sensitive_data.obligation.restore with input as testing.request({}) with data.handling as handling
}

test_denied_kind if {
	denied(found("SECRET_PRIVATE_KEY", 0.9)) == {"kind_denied"}
	denied(found("SECRET_JWT", 0.9)) == set()
}

test_air_gap if {
	excluded(found("CREDIT_CARD", 0.9), "air_gap_only") == {"cloud", "gpu_cluster", "edge"}
	excluded(found("EMAIL_ADDRESS", 0.9), "air_gap_only") == set()
}

test_threshold if {
	excluded(found("CREDIT_CARD", 0.5), "air_gap_only") == {"cloud", "gpu_cluster", "edge"}
	excluded(found("CREDIT_CARD", 0.49), "air_gap_only") == set()
}

test_listed_kind_stays_local if {
	excluded(found("DE_VAT", 0.9), "not_in_the_cloud") == {"cloud"}
}

test_kinds_that_are_not_listed if {
	every kind in ["SECRET_JWT", "SECRET_OF_TOMORROW", "PASSPORT"] {
		excluded(found(kind, 0.9), "not_in_the_cloud") == {"cloud"}
	}
	excluded(found("ORGANIZATION", 0.9), "not_in_the_cloud") == set()
}

test_redaction_lets_it_leave if {
	req := found("EMAIL_ADDRESS", 0.9)
	redacted(req) == {"EMAIL_ADDRESS"}
	sensitive_data.obligation.restore with input as req with data.handling as handling
	count(sensitive_data.exclude) == 0 with input as req with data.handling as handling
}

test_each_finding_has_its_own_treatment if {
	req := object.union(found("EMAIL_ADDRESS", 0.9), testing.found("secrets", "SECRET_JWT", 0.9))
	redacted(req) == {"EMAIL_ADDRESS"}
	excluded(req, "not_in_the_cloud") == {"cloud"}
}

test_ignored_kind if {
	req := found("IP_ADDRESS", 0.9)
	count(sensitive_data.exclude) == 0 with input as req with data.handling as handling
	redacted(req) == set()
}

test_a_misspelt_treatment_denies if denied(found("UK_NHS", 0.9)) == {"treatment_unknown"}

test_what_nobody_has_read if {
	excluded(testing.request({"request": {"modalities": ["image"]}}), "unread") == {"cloud"}
	excluded(testing.request({"classifiers": {"secrets": {"error": "memory_limit"}}}), "unread") == {"cloud"}
	excluded(json.remove(testing.request({}), ["classifiers/pii"]), "unread") == {"cloud"}
	excluded(testing.request({"classifiers": {"other": {"error": "trap"}}}), "unread") == set()
}

# Your data: this one reads handling/data.yaml as it stands.
test_handling_is_usable if {
	data.handling.threshold > 0
	data.handling.threshold <= 1
	count(data.handling.classifiers) > 0
	every treatment in array.concat([t | some t in data.handling.kinds], [data.handling.secrets, data.handling.personal]) {
		treatment in {"deny", "air_gap", "local", "redact", "ignore"}
	}
}

# The whole decision, in which other packages may have their say.
test_decision if {
	mail := data.sallyport.decision with input as found("EMAIL_ADDRESS", 0.9) with data.handling as handling
	"EMAIL_ADDRESS" in mail.obligations.redact
	mail.obligations.restore
	card := data.sallyport.decision with input as found("CREDIT_CARD", 0.9) with data.handling as handling
	testing.excluded(card.exclude, "air_gap_only") == {"cloud", "gpu_cluster", "edge"}
	private := data.sallyport.decision with input as found("SECRET_PRIVATE_KEY", 0.9) with data.handling as handling
	not private.allow
}

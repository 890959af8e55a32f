package sallyport.rules.hipaa_test

import data.sallyport.rules.hipaa
import data.sallyport.testing

# Settings of the tests' own, so that these hold whatever yours are.
health := {
	"tenants": ["clinic"],
	"threshold": 0.5,
	"classifiers": ["pii", "names"],
	"own": ["gpu_cluster", "edge", "air_gapped"],
	"roles": ["clinician"],
	"purposes": ["treatment"],
	"deidentified": ["research"],
	"identifiers": ["PERSON", "US_SSN"],
}

# What a clinician of the clinic asks, with changes.
asks(purpose, changes) := object.union_n([
	testing.request({"principal": {"tenant": "clinic", "roles": ["clinician"]}}),
	{"classifiers": {"names": {"findings": {}}}, "request": {"metadata": {"purpose": purpose}}},
	changes,
])

person := testing.found("names", "PERSON", 0.9)

denied(req) := codes if {
	codes := testing.codes(hipaa.deny) with input as req with data.health as health
}

without_baa(req) := targets if {
	targets := testing.excluded(hipaa.exclude, "no_baa") with input as req with data.health as health
}

obliged(req) := obligation if {
	obligation := hipaa.obligation with input as req with data.health as health
}

test_nothing_found if {
	every purpose in ["", "treatment", "marketing", "research"] {
		denied(asks(purpose, {})) == set()
		without_baa(asks(purpose, {})) == set()
		obliged(asks(purpose, {})) == {"redact": set(), "log": "metadata"}
	}
	denied(asks("", {"principal": {"roles": ["janitor"]}})) == set()
}

test_others_are_not_covered if {
	every changes in [person, {"request": {"modalities": ["image"]}}] {
		every purpose in ["", "treatment", "research"] {
			req := asks(purpose, object.union(changes, {"principal": {"tenant": "bakery"}}))
			denied(req) == set()
			without_baa(req) == set()
			obliged(req) == {"redact": set()}
		}
	}
}

test_all_are_covered if {
	req := asks("", object.union(person, {"principal": {"tenant": "bakery"}}))
	everybody := object.union(health, {"tenants": ["*"]})
	testing.codes(hipaa.deny) == {"purpose_not_permitted"} with input as req with data.health as everybody
}

test_treatment if {
	req := asks("treatment", person)
	denied(req) == set()
	without_baa(req) == {"cloud"}
	obliged(req) == {"redact": set(), "log": "metadata", "hedge": false}
}

test_an_agreement_permits_the_cloud if {
	without_baa(asks("treatment", object.union(person, {"targets": {"cloud": {"attributes": {"baa": "2026-01"}}}}))) == set()
	without_baa(asks("treatment", object.union(person, {"targets": {"cloud": {"attributes": {"baa": ""}}}}))) == {"cloud"}
}

test_purposes if {
	every purpose in ["", "marketing", "Treatment"] {
		denied(asks(purpose, person)) == {"purpose_not_permitted"}
	}
	denied(json.remove(asks("", person), ["request/metadata/purpose"])) == {"purpose_not_permitted"}
}

test_roles if {
	denied(asks("treatment", object.union(person, {"principal": {"roles": ["janitor"]}}))) == {"role_not_permitted"}
	denied(asks("treatment", object.union(person, {"principal": {"roles": []}}))) == {"role_not_permitted"}
	denied(asks("treatment", object.union(person, {"principal": {"roles": ["janitor", "clinician"]}}))) == set()
}

test_research_gets_no_identifiers if {
	req := asks("research", object.union_n([person, testing.found("pii", "US_SSN", 0.5), {"principal": {"roles": []}}]))
	obliged(req).redact == {"PERSON", "US_SSN"}
	not obliged(req).restore
	denied(req) == set()
	without_baa(req) == set()
}

test_threshold if {
	without_baa(asks("treatment", testing.found("names", "PERSON", 0.5))) == {"cloud"}
	without_baa(asks("treatment", testing.found("names", "PERSON", 0.49))) == set()
}

test_other_kinds_are_no_identifiers if {
	without_baa(asks("treatment", testing.found("names", "ORGANIZATION", 0.9))) == set()
}

# What nobody has read may be PHI, and cannot be de-identified.
test_unread if {
	every unread in [
		{"request": {"modalities": ["text", "image"]}},
		{"classifiers": {"names": {"error": "time_limit"}}},
	] {
		without_baa(asks("treatment", unread)) == {"cloud"}
		denied(asks("research", unread)) == {"purpose_not_permitted"}
		without_baa(asks("research", unread)) == {"cloud"}
	}
	without_baa(json.remove(asks("treatment", {}), ["classifiers/names"])) == {"cloud"}
}

# Your data: this one reads health/data.yaml as it stands.
test_settings_are_usable if {
	data.health.threshold > 0
	data.health.threshold <= 1
	count(data.health.tenants) > 0
	count(data.health.classifiers) > 0
	count(data.health.identifiers) > 0
	not "cloud" in data.health.own
	{purpose | some purpose in data.health.purposes} & {purpose | some purpose in data.health.deidentified} == set()
}

# The whole decision, in which other packages may have their say.
test_decision if {
	decision := data.sallyport.decision with input as asks("treatment", person) with data.health as health
	testing.excluded(decision.exclude, "no_baa") == {"cloud"}
	decision.obligations.hedge == false
	decision.obligations.log != "full"
}

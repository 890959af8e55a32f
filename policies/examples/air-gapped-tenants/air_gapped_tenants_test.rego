package sallyport.rules.air_gapped_tenants_test

import data.sallyport.rules.air_gapped_tenants
import data.sallyport.testing

# Tenants of the tests' own, so that these hold whatever yours are.
seals := {"tenants": ["defence"], "reserved": true}

asks(tenant) := testing.request({"principal": {"tenant": tenant}})

excluded(req, code) := targets if {
	targets := testing.excluded(air_gapped_tenants.exclude, code) with input as req with data.sealed as seals
}

obliged(req) := obligation if {
	obligation := air_gapped_tenants.obligation with input as req with data.sealed as seals
}

test_sealed_tenant if {
	excluded(asks("defence"), "sealed") == {"cloud", "gpu_cluster", "edge"}
	excluded(asks("defence"), "reserved") == set()
	obliged(asks("defence")) == {"log": "metadata", "disclose_target": false}
}

test_other_tenants if {
	every tenant in ["acme", "Defence", ""] {
		excluded(asks(tenant), "sealed") == set()
		excluded(asks(tenant), "reserved") == {"air_gapped"}
		obliged(asks(tenant)) == {}
	}
}

test_a_sealed_key if {
	req := object.union(asks("acme"), {"principal": {"attributes": {"network": "air_gapped"}}})
	excluded(req, "sealed") == {"cloud", "gpu_cluster", "edge"}
	excluded(req, "reserved") == set()
}

test_the_air_gap_may_be_for_all if {
	open := {"tenants": ["defence"], "reserved": false}
	count(air_gapped_tenants.exclude) == 0 with input as asks("acme") with data.sealed as open
}

# The name of a target says nothing: its posture counts.
test_posture_counts if {
	req := object.union(asks("defence"), {"targets": {"air_gapped": {"posture": "cloud"}}})
	excluded(req, "sealed") == {"cloud", "gpu_cluster", "edge", "air_gapped"}
}

# An outage opens no way out.
test_an_outage if {
	down := object.union(asks("defence"), {"targets": {"air_gapped": {"healthy": false}}})
	excluded(down, "sealed") == {"cloud", "gpu_cluster", "edge"}
}

# Your data: this one reads sealed/data.yaml as it stands.
test_seals_are_usable if {
	is_boolean(data.sealed.reserved)
	every tenant in data.sealed.tenants {
		is_string(tenant)
		tenant != ""
	}
}

# The whole decision, in which other packages may have their say.
test_decision if {
	decision := data.sallyport.decision with input as asks("defence") with data.sealed as seals
	testing.excluded(decision.exclude, "sealed") == {"cloud", "gpu_cluster", "edge"}
	decision.obligations.log != "full"
	without := json.remove(asks("defence"), ["targets/air_gapped"])
	nowhere := data.sallyport.decision with input as without with data.sealed as seals
	not nowhere.allow
}

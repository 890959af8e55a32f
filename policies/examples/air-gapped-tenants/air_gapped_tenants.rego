# METADATA
# scope: package
# title: Air-gapped tenants
# description: >-
#   What a sealed tenant asks is served in the air gap or not at all, whatever is
#   found in it and whatever is down. The tenants are data (sealed/data.yaml).
package sallyport.rules.air_gapped_tenants

# METADATA
# title: Sealed tenants stay in the air gap
# labels: {control: "NIST-SC-7"}
exclude[target] contains {"code": "sealed", "message": "the tenant is served in the air gap only"} if {
	sealed
	some target, t in input.targets
	t.posture != "air_gapped"
}

# METADATA
# title: The air gap is for sealed tenants
# labels: {control: "NIST-SC-7"}
exclude[target] contains {"code": "reserved", "message": "the air gap is reserved for sealed tenants"} if {
	data.sealed.reserved
	not sealed
	some target, t in input.targets
	t.posture == "air_gapped"
}

# METADATA
# title: No text of sealed tenants in the decision log
# labels: {control: "NIST-AU-9"}
obligation.log := "metadata" if sealed

# METADATA
# title: Clients learn no names of targets
# labels: {control: "NIST-SC-7"}
obligation.disclose_target := false if sealed

sealed if input.principal.tenant in data.sealed.tenants

sealed if input.principal.attributes.network == "air_gapped"

# METADATA
# scope: package
# title: Clearance
# description: What a restricted principal asks is served in the air gap or not at all.
package sallyport.rules.clearance

# METADATA
# title: Restricted work stays in the air gap
# labels: {control: "ISO27001-A.5.12"}
exclude[target] contains {"code": "restricted_clearance", "message": "restricted work is served in the air gap only"} if {
	lower(input.principal.attributes.clearance) == "restricted"
	some target, t in input.targets
	t.posture != "air_gapped"
}

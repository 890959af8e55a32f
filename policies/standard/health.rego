# METADATA
# scope: package
# title: Health
# description: An unhealthy target is a last resort, not a forbidden one.
package sallyport.rules.health

# METADATA
# title: Healthy targets first
prefer[target] := 0.1 if {
	some target, t in input.targets
	not t.healthy
}

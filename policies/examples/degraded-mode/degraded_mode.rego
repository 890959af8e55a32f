# METADATA
# scope: package
# title: Degraded mode
# description: >-
#   What changes while targets are down (input.targets[_].healthy): essential work
#   goes first, answers are short, and where no regular target is left, targets with
#   the attribute overflow = "yes" open. Nothing that another rule forbids becomes
#   possible.
package sallyport.rules.degraded_mode

# METADATA
# title: The overflow is for outages
# labels: {control: "ISO27001-A.8.14"}
exclude[target] contains {"code": "overflow_closed", "message": "the target is for outages of the others"} if {
	not outage
	some target, t in input.targets
	overflow(t)
}

# METADATA
# title: Essential work first
# labels: {control: "ISO22301-8.4"}
deny contains {"code": "degraded", "message": "too few targets are healthy: only essential work is served now"} if {
	degraded
	not essential
}

# METADATA
# title: Short answers while degraded
# labels: {control: "ISO22301-8.4"}
obligation.max_output_tokens := data.degraded.max_output_tokens if degraded

# METADATA
# title: Quick answers while degraded
# labels: {control: "ISO22301-8.4"}
obligation.budget := data.degraded.budget if degraded

# METADATA
# title: No second tries at the same time while degraded
# labels: {control: "ISO22301-8.4"}
obligation.hedge := false if degraded

degraded if {
	count(regular) > 0
	count(healthy) / count(regular) < data.degraded.enough
}

outage if {
	count(regular) > 0
	count(healthy) == 0
}

# The candidates that serve every day.
regular contains target if {
	some target, t in input.targets
	not overflow(t)
}

healthy contains target if {
	some target in regular
	input.targets[target].healthy
}

overflow(target) if target.attributes.overflow == "yes"

essential if {
	some role in input.principal.roles
	role in data.degraded.essential_roles
}

# METADATA
# scope: package
# title: Routing
# description: >-
#   Among the permitted: the cheap for simple prompts, the good for demanding
#   ones. It permits nothing.
package sallyport.rules.routing

import data.sallyport.rules.settings

# METADATA
# title: Cheap targets for simple prompts
# description: Free is 1, the dearest candidate 0.5.
prefer[target] := 1 - ((0.5 * t.cost_estimate_usd) / dearest) if {
	complexity < settings.simple_below
	dearest > 0
	some target, t in input.targets
}

# METADATA
# title: Good targets for demanding prompts
# description: The model's declared quality in percent; one that declares none is in the middle.
prefer[target] := min([1, quality(t) / 100]) if {
	complexity >= settings.demanding_from
	some target, t in input.targets
}

complexity := input.classifiers.complexity.scores.complexity

dearest := max([t.cost_estimate_usd | some t in input.targets])

quality(target) := target.quality if target.quality > 0

quality(target) := 50 if target.quality <= 0

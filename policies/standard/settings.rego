# METADATA
# scope: package
# title: Settings
# description: >-
#   What the standard policy lets a deployment choose, as data under
#   sallyport.settings. A value that cannot be meant denies every request: to fall
#   back on the default would hide the mistake.
package sallyport.rules.settings

# METADATA
# title: Threshold
# description: Findings with at least this score count, 0..1.
default threshold := 0.5

threshold := given.threshold

# METADATA
# title: Required classifiers
# description: Without a report of each of them nothing leaves to the cloud.
default required_classifiers := ["pii", "secrets"]

required_classifiers := given.required_classifiers

# METADATA
# title: Cloud modalities
# description: Content that may leave to the cloud. Classifiers read text only.
default cloud_modalities := ["text"]

cloud_modalities := given.cloud_modalities

# METADATA
# title: Denied kinds
# description: A prompt with a finding of one of them goes nowhere at all.
default denied_kinds := ["SECRET_PRIVATE_KEY"]

denied_kinds := given.denied_kinds

# METADATA
# title: Dangerous tools
# description: Tools the model is never offered.
default dangerous_tools := ["execute_command", "run_command", "shell"]

dangerous_tools := given.dangerous_tools

# METADATA
# title: Simple
# description: A prompt with a lower complexity is simple, 0..1.
default simple_below := 0.35

simple_below := given.simple_below

# METADATA
# title: Demanding
# description: A prompt with at least this complexity is demanding, 0..1.
default demanding_from := 0.6

demanding_from := given.demanding_from

given := data.sallyport.settings

# METADATA
# title: Unusable setting
# labels: {control: "NIST-CM-6"}
deny contains {"code": "settings_invalid", "message": message} if {
	some name, value in given
	not usable(name, value)
	message := sprintf("data.sallyport.settings.%s is not usable", [name])
}

usable(name, value) if {
	name in {"threshold", "simple_below", "demanding_from"}
	is_number(value)
	value >= 0
	value <= 1
}

usable(name, value) if {
	name in {"required_classifiers", "cloud_modalities", "denied_kinds", "dangerous_tools"}
	is_array(value)
	every member in value {
		is_string(member)
	}
}

# Settings that other policies read.
usable(name, _) if {
	not name in {"threshold", "simple_below", "demanding_from", "required_classifiers", "cloud_modalities", "denied_kinds", "dangerous_tools"}
}

# METADATA
# scope: package
# title: Completion inspection
# description: >-
#   Which classifiers read what the model answers, and what a finding does
#   (completions/data.yaml).
package sallyport.rules.completion_inspection

# METADATA
# title: Replies are read
# labels: {control: "OWASP-LLM02"}
obligation.inspect_completion contains name if some name in wanted.classifiers

# METADATA
# title: What a finding does
# labels: {control: "OWASP-LLM02"}
obligation.on_completion_finding := wanted.on_finding if count(wanted.classifiers) > 0

wanted := data.completions.tenants[input.principal.tenant]

wanted := data.completions["default"] if not data.completions.tenants[input.principal.tenant]

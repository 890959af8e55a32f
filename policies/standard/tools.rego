# METADATA
# scope: package
# title: Tools
# description: The model is not offered tools that run whatever it asks for.
package sallyport.rules.tools

import data.sallyport.rules.settings

# METADATA
# title: Dangerous tools
# labels: {control: "OWASP-LLM06"}
obligation.strip_tools contains name if {
	some name in input.request.tools
	some dangerous in settings.dangerous_tools
	lower(name) == lower(dangerous)
}

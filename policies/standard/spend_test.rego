package sallyport.rules.spend_test

import data.sallyport.rules.spend
import data.sallyport.testing

spent(month, cap) := testing.request({
	"usage": {"spent_usd": {"month": month}},
	"principal": {"attributes": {"monthly_usd": cap}},
})

test_below_the_cap if {
	count(spend.deny) == 0 with input as spent(99.99, "100")
}

test_no_cap if {
	count(spend.deny) == 0 with input as testing.request({"usage": {"spent_usd": {"month": 1000000}}})
}

test_cap_is_spent if {
	every cap in ["100", "99.5"] {
		some reason in spend.deny with input as spent(100, cap)
		reason.code == "spend_cap"
	}
}

test_unreadable_cap_denies if {
	every cap in ["", "a lot", "-1", "1e3"] {
		spend.deny == {{
			"code": "spend_cap_unreadable",
			"message": "the tenant's attribute monthly_usd is not an amount in US dollars",
		}} with input as spent(0, cap)
	}
}

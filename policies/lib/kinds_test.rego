package sallyport_test

import data.sallyport

found := {"classifiers": {
	"pii": {"findings": {"EMAIL_ADDRESS": {"count": 1, "max_score": 0.9}, "PHONE_NUMBER": {"count": 1, "max_score": 0.4}}},
	"secrets": {"findings": {"SECRET_OF_MINE": {"count": 1, "max_score": 0.8}}},
	"broken": {"error": "trap"},
}}

test_personal_kinds if {
	"EMAIL_ADDRESS" in sallyport.personal_kinds
	"DATE_OF_BIRTH" in sallyport.personal_kinds
	not "SECRET_OF_MINE" in sallyport.personal_kinds
	not "BR_CNPJ" in sallyport.personal_kinds
}

test_secret_kinds if {
	sallyport.secret_kinds == {"SECRET_OF_MINE"} with input as found
}

test_found if {
	sallyport.found("EMAIL_ADDRESS", 0.9) with input as found
	not sallyport.found("EMAIL_ADDRESS", 0.91) with input as found
	not sallyport.found("CREDIT_CARD", 0) with input as found
}

test_kinds_found if {
	sallyport.kinds_found(0.5) == {"EMAIL_ADDRESS", "SECRET_OF_MINE"} with input as found
	sallyport.kinds_found(0) == {"EMAIL_ADDRESS", "PHONE_NUMBER", "SECRET_OF_MINE"} with input as found
}

test_unread if {
	read := {"classifiers": {"pii": {"findings": {}}}, "request": {"modalities": ["text"]}}
	not sallyport.unread(["pii"]) with input as read
	not sallyport.unread([]) with input as read
	sallyport.unread(["pii", "names"]) with input as read
	sallyport.unread(["pii"]) with input as object.union(read, {"classifiers": {"pii": {"error": "trap"}}})
	not sallyport.unread(["pii"]) with input as object.union(read, {"classifiers": {"names": {"error": "trap"}}})
	sallyport.unread([]) with input as object.union(read, {"request": {"modalities": ["text", "image"]}})
}

package sallyport.testing_test

import data.sallyport.testing

reasons(codes) := {{"code": code, "message": "m"} | some code in codes}

test_codes if {
	testing.codes(reasons({"a", "b"})) == {"a", "b"}
	testing.codes(set()) == set()
}

test_excluded if {
	exclude := {"cloud": reasons({"a", "b"}), "edge": reasons({"b"}), "vault": set()}
	testing.excluded(exclude, "a") == {"cloud"}
	testing.excluded(exclude, "b") == {"cloud", "edge"}
	testing.excluded(exclude, "c") == set()
}

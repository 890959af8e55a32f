package main

import "strings"

// lists are made-up combinations of common names; none is in both exams.
var (
	firstNames = [3][]string{
		strings.Fields("Sarah Thomas Priya Ahmed Elena Marcus Yuki Chloé Lars Ngozi Patrick Ingrid Diego Fatima Oliver Katarzyna Wei Hannah Samuel Rosa Dmitri Aisha Benjamin Lucía"),
		strings.Fields("Rachel Kevin Anjali Omar Beatriz Stefan Haruto Amélie Søren Chinwe Brendan Astrid Mateo Leila Victoria Paweł Mei Julia Nathan Carmen Sergei Zainab Edward Inés"),
		firstNamesC,
	}
	lastNames = [3][]string{
		strings.Fields("Whitfield Okafor Lindqvist Moreau Castellano Nakamura Sharma O'Connor Brandt Kowalczyk Petrov Haddad Fletcher Aguilar Vandenberg Sinclair Mbeki Rossi Larsen Donovan"),
		strings.Fields("Hargreaves Adeyemi Bergström Dupont Esposito Tanaka Iyer McCarthy Vogel Nowak Volkov Khalil Barrett Domínguez Jansen Prescott Dlamini Ferraro Nilsen Gallagher"),
		lastNamesC,
	}
	places = [3][]string{
		strings.Split("Lisbon|Nairobi|Hamburg|Portland|New Zealand|Osaka|Yorkshire|Bogotá|Geneva|Texas|Krakow|Vietnam|San Diego|Morocco|Edinburgh", "|"),
		strings.Split("Porto|Lagos|Munich|Seattle|South Africa|Kyoto|Cornwall|Lima|Zurich|Oregon|Gdansk|Thailand|Los Angeles|Tunisia|Glasgow", "|"),
		placesC,
	}
	firms = [3][]string{
		strings.Split("Brightwater Logistics|Siemens|Halden & Sons|the World Bank|Northgate University|Toyota|Ferrow Inc.|Greenpeace|Quillon Labs|BBC|Delta Harbour Group|Red Cross|Microsoft", "|"),
		strings.Split("Stonebridge Capital|Bosch|Marlow Brothers|the European Commission|Westfield College|Honda|Tavix Ltd.|Amnesty International|Orrin Systems|Reuters|Silver Coast Energy|UNICEF|Oracle", "|"),
		firmsC,
	}
	// sentences: {P} a full name, {F} a first name alone, {S} a surname alone, {C} a
	// place, {O} an organisation.
	peopleTexts = [3][]string{
		{
			"{P} joined {O} in 2019 and moved to {C} last spring.", "Dear {P},\n\nthank you for your visit to our office in {C}.", "I met {F} and {F} at the station; {P} came later.",
			"Please write a letter of recommendation for {P}, who worked with me at {O}.", "Mr. {S} told the court that he had never been to {C}.", "According to {P}, the chief economist of {O}, prices will fall.",
			"Can you summarise what {F} said in the meeting with {O}?", "hey, can u tell {F} that the flight to {C} is delayed", "The novel was written by {P} and translated by {P}.",
			"From: {P}\nTo: {P}\nSubject: budget\n\nHi {F}, see the numbers attached.", "Dr. {P} will see you on Monday at the clinic in {C}.", "\"We were lucky,\" said {P} after the match in {C}.",
			"Write a poem about my daughter {F}, who loves horses.", "The patient, {P}, was referred by Dr. {S}.", "{P} (born in {C}) teaches chemistry at {O}.", "Invite {F}, {F} and {F} to the party on Friday.",
			"Minutes: present were {P}, {P} and {P}. Apologies from Ms. {S}.", "My neighbour {P} sold her car to a man from {C}.", "Did {P} ever reply to the letter from {O}?", "{O} fired {P}, its head of sales, on Tuesday.",
			"Herr {S} wohnt seit Mai in {C}.", "Madame {S} travaille chez {O} à {C}.", "La señora {S} vive en {C}.", "Name: {P}\nCity: {C}\nEmployer: {O}", "The painting belongs to {P}'s family.",
		},
		{
			"{P} left {O} to open a bakery in {C}.", "Hello {P},\nyour parcel to {C} is on its way.", "{F} called {F} twice, but only {P} answered.",
			"Draft a reference for {P}, a former intern at {O}.", "Mrs. {S} sold the farm near {C} ten years ago.", "{P}, who chairs {O}, declined to comment.",
			"What did {F} promise the people from {O}?", "lol {F} missed the train to {C} again", "Directed by {P}, with music by {P}.",
			"Cc: {P}; {P}\nRe: contract\n\n{F}, please sign page two.", "Professor {P} lectures in {C} this autumn.", "\"Nobody asked us,\" {P} told {O}.",
			"My son {F} needs help with fractions.", "We discharged {P} today; letter to Dr. {S} follows.", "Born in {C}, {P} studied law before joining {O}.", "Seat {F} next to {F}, not next to {F}.",
			"Attendees: {P}, {P}, {P}; chaired by Mr. {S}.", "A cousin of {P} runs a hotel in {C}.", "Has {O} paid {P} yet?", "The board of {O} elected {P} as its president.",
			"Frau {S} kommt aus {C}.", "Monsieur {S} a quitté {O}.", "El señor {S} trabaja en {O}.", "Customer: {P}; Town: {C}; Company: {O}", "Where is {P}'s office in {C}?",
		},
		peopleTextsC,
	}
	// noPeople have capitals and no names of people.
	noPeople = [3][]string{
		{
			"The Quick Start Guide explains how to install the Database Engine on Monday.", "Please Review The Attached Document Before Friday.", "Use PostgreSQL with Redis and write the worker in Rust.", "TypeError: Cannot read property 'Name' of undefined",
			"In Chapter 3, Figure 2 shows the Total Revenue by Quarter.", "Happy New Year! Our Summer Sale starts Tomorrow.", "Add Olive Oil, Sea Salt and Black Pepper.", "class OrderManager(BaseManager): pass", "What is the difference between Machine Learning and Deep Learning?",
			"Terms and Conditions apply. See Section 4.", "SELECT Name, Price FROM Products WHERE Status = 'Open';", "Explain Newtonian mechanics and the Pythagorean theorem.", "Der Vertrag wird am Montag von der Abteilung geprüft.", "I think, therefore I am. Who said it?",
		},
		{
			"Release Notes: Dark Mode is Now Available for All Users.", "Kindly Confirm Receipt of This Invoice.", "Deploy the Docker Image with Helm and watch Grafana.", "ValueError: Invalid Literal for Int", "Table 7 lists Average Speed and Maximum Load.",
			"Black Friday Deals end Sunday Night.", "Mix Brown Sugar, Baking Powder and Lemon Zest.", "public class InvoicePrinter extends AbstractPrinter {}", "How does Gradient Descent work in Neural Networks?", "Privacy Notice, Version 2, Effective March.",
			"INSERT INTO Orders (Total, Currency) VALUES (10, 'EUR');", "State the Bernoulli equation and the Doppler effect.", "Die Rechnung ist bis Freitag zu bezahlen.", "Good Morning, Could You Check the Printer?",
		},
		noPeopleC,
	}
)

// people is the section on names. What is neither a name nor labelled comes in
// one text of three.
func people(seed uint64, set Set) []Section {
	g := newGen(seed, set, "names", "PERSON")
	var texts []Text
	for i := range 500 {
		texts = append(texts, g.names(peopleTexts[set][i%len(peopleTexts[set])]))
		if i%2 == 0 {
			texts = append(texts, Text{Value: pick(g, noPeople[set]), Class: "capitals"})
		}
	}
	var out []Section
	for _, s := range []struct {
		name, kind string
		target     Target
	}{{"names, person", "PERSON", Target{F1: 0.78}}, {"names, location", "LOCATION", Target{}}, {"names, organization", "ORGANIZATION", Target{}}} {
		sec := Section{Name: s.name, Module: "names", Target: s.target}
		for _, t := range texts {
			var own []Label
			for _, l := range t.Labels {
				if l.Kind == s.kind {
					own = append(own, l)
				}
			}
			t.Labels = own
			sec.Texts = append(sec.Texts, t)
		}
		sec.Accept = []string{s.kind}
		out = append(out, sec)
	}
	return out
}

func (g *gen) names(template string) Text {
	var b strings.Builder
	t := Text{Class: "sentence"}
	for i := 0; i < len(template); i++ {
		if template[i] != '{' {
			b.WriteByte(template[i])
			continue
		}
		first, last := pick(g, firstNames[g.set]), pick(g, lastNames[g.set])
		v := map[byte]value{
			'P': {text: first + " " + last, kind: "PERSON", class: "full name"},
			'F': {text: first, kind: "PERSON", class: "first name"},
			'S': {text: last, kind: "PERSON", class: "surname"},
			'C': {text: pick(g, places[g.set]), kind: "LOCATION", class: "place"},
			'O': {text: pick(g, firms[g.set]), kind: "ORGANIZATION", class: "firm"},
		}[template[i+1]]
		v.class += ": " + firstWords(template)
		if rest, article := strings.CutPrefix(v.text, "the "); article {
			b.WriteString("the ")
			v.text = rest
		}
		g.mark(&t, &b, v)
		i += 2
	}
	t.Value = b.String()
	return t
}

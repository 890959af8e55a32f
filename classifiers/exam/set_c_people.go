package main

import "strings"

// names and sentences of exam C; see people.go.
var (
	firstNamesC  = strings.Fields("Michelle Gareth Deepak Yusuf Valentina Matthias Kenji Margaux Henrik Adaeze Declan Solveig Rafael Nadia Charlotte Agnieszka Jun Miriam Aaron Paloma Viktor Khadija Philip Marisol")
	lastNamesC   = strings.Fields("Ashworth Eze Holmgren Lefebvre Marchetti Watanabe Reddy Callaghan Krüger Wiśniewski Sokolov Mansour Whitaker Herrera Bakker Lockwood Nkosi Bianchi Haugen Murphy")
	placesC      = strings.Split("Valencia|Accra|Leipzig|Denver|Chile|Sapporo|Devon|Quito|Basel|Arizona|Wrocław|Malaysia|Chicago|Algeria|Cardiff", "|")
	firmsC       = strings.Split("Larkfield Partners|Volkswagen|Pemberton & Co.|the United Nations|Eastbrook Hospital|Nissan|Lumora GmbH|Oxfam|Kestrel Robotics|Bloomberg|Iron Bay Shipping|UNESCO|IBM", "|")
	peopleTextsC = []string{
		"{P} has been with {O} for nine years.", "Hi {F}, could you book a table in {C}?", "Neither {F} nor {F} had heard of {P}.", "Cover letter for {P}, applying to {O}.", "Ms. {S} flew to {C} on Sunday.", "{P}, a spokesman for {O}, confirmed the recall.",
		"Prepare talking points for {F} before the call with {O}.", "omg {F} moved to {C}??", "Photographs by {P}; text by {P}.", "Organizer: {P}\nRequired: {P}, {P}\nLocation: {C}", "Dr. {S} operated on {P} this morning.", "\"It rained all week,\" {P} said in {C}.",
		"My sister {F} wants a cake shaped like a boat.", "Witness statement of {P}, resident of {C}.", "Ask {F}, {F} or {F} for the keys.", "Absent: {P}. Excused: Mr. {S}.", "We rented the flat from {P}, who works at {O}.", "{O} sued {P} in March.",
		"Frau {S} arbeitet bei {O} in {C}.", "M. {S} habite à {C} depuis mai.", "El doctor {S} atiende en {C}.", "La signora {S} lavora per {O}.", "Full name: {P}\nOffice: {C}\nCompany: {O}", "Is {P}'s flight to {C} on time?", "Thanks,\n{P}\n{O}",
	}
	noPeopleC = []string{
		"The User Manual describes the Control Panel and the Status Bar.", "Kindly Return The Signed Form By Wednesday.", "Run Terraform, then Ansible, and check Prometheus.", "KeyError: Missing Column In Data Frame", "Appendix B lists Net Income per Region.", "Cyber Monday Starts at Midnight.",
		"Stir in Maple Syrup, Oat Milk and Ground Ginger.", "export default class InvoiceList extends Component {}", "What does Reinforcement Learning add to Supervised Learning?", "Cookie Policy, Last Updated in June.", "DELETE FROM Sessions WHERE Expired = TRUE;", "Derive the Gaussian integral and the Hessian matrix.",
		"Der Antrag liegt seit Dienstag im Rathaus.", "Good Evening, Is The Projector Fixed?",
	}
)

package engine

// LossKind says what became of a field that a dialect cannot carry.
type LossKind string

const (
	LossDropped      LossKind = "dropped"
	LossApproximated LossKind = "approximated"
)

// Loss is a field of a request or a reply that the other side's dialect could not
// carry as it was. It holds no user's text.
type Loss struct {
	// Field is a JSON path in the client's own words, such as "messages[3].role". A
	// member's name that does not look like one is "?" in it. The last loss of a
	// list that was cut has the field "…".
	Field string   `json:"field"`
	How   LossKind `json:"how"`
	To    string   `json:"to,omitempty"` // what an approximation became: a number or a word of ours
}

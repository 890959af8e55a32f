package standin

import (
	"bytes"
	"compress/gzip"
	"net/http"
	"strconv"
	"time"
)

// FaultKind is a way to fail.
type FaultKind int

// The ways to fail. Those that happen in a reply happen in place of its frame
// number Fault.After, counted from 0.
const (
	FaultNone      FaultKind = iota
	FaultStatus              // an error status and body
	FaultRedirect            // a redirect to Fault.Location
	FaultMute                // the request is read and never answered
	FaultHangUp              // the connection is closed without a byte of an answer
	FaultGzip                // a compressed body nobody asked for
	FaultCut                 // the connection is closed in the middle of the reply
	FaultSilence             // the reply stops, the connection stays
	FaultMalformed           // a frame that is not JSON
	FaultInBand              // the dialect's error frame in a reply with status 200
)

// Fault is a failure to play.
type Fault struct {
	Kind       FaultKind
	Times      int // requests it applies to; 0: all
	After      int
	Status     int           // of FaultStatus
	Message    string        // of FaultStatus and FaultInBand
	RetryAfter time.Duration // of FaultStatus; whole seconds go into Retry-After, others into retry-after-ms
	Location   string        // of FaultRedirect
}

// before plays the faults that come before a reply and says whether it did.
func (f Fault) before(s *Server, w http.ResponseWriter, r *http.Request) bool {
	switch f.Kind {
	case FaultStatus:
		if f.RetryAfter%time.Second != 0 {
			w.Header().Set("Retry-After-Ms", strconv.FormatInt(f.RetryAfter.Milliseconds(), 10))
		} else if f.RetryAfter > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(int(f.RetryAfter/time.Second)))
		}
		s.refuse(w, f.Status, f.Message)
	case FaultRedirect:
		http.Redirect(w, r, f.Location, http.StatusTemporaryRedirect)
	case FaultMute:
		<-r.Context().Done()
	case FaultHangUp:
		panic(http.ErrAbortHandler)
	case FaultGzip:
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		z.Write([]byte("data: [DONE]\n\n")) // into memory, cannot fail
		z.Close()
		w.Header().Set("Content-Encoding", "gzip")
		w.Header().Set("Content-Type", "text/event-stream")
		w.Write(b.Bytes()) // a client that has gone needs no answer
	default:
		return false
	}
	return true
}

// at plays the faults that come in place of frame i and says whether the reply
// ends there.
func (f Fault) at(i int, s *Server, w http.ResponseWriter, r *http.Request) bool {
	if i != f.After {
		return false
	}
	switch f.Kind {
	case FaultCut:
		http.NewResponseController(w).Flush() // what stands so far must be seen; an error means nobody looks
		panic(http.ErrAbortHandler)
	case FaultSilence:
		http.NewResponseController(w).Flush() // as above
		<-r.Context().Done()
	case FaultMalformed:
		w.Write(s.dialect.broken()) // a client that has gone needs no answer
	case FaultInBand:
		w.Write(s.dialect.inBand(f.Message)) // as above
	default:
		return false
	}
	return true
}

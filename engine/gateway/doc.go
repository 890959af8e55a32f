// Package gateway is the enforcement point towards clients: the fasthttp data
// plane, the relay of streamed replies and the admin listener.
//
// It hides everything that HTTP adds to a request and its reply: routes and the
// prefixes SDKs put before them, credentials, limits on size and time, budget
// and priority headers, flushing, keep-alive frames, idle deadlines, the client
// that goes away without a word, draining, metrics and the access log. What is
// asked and answered is the business of a Handler; how it looks in a client's
// dialect is that of engine/wire.
//
// fasthttp was built for short replies that fit a buffer, so this package keeps
// some rules that the compiler does not check:
//   - nothing that fasthttp owns outlives its handler: bodies and header values
//     are copied before the goroutine that may outlive it starts;
//   - fasthttp's write timeout bounds a whole response, so it stays off and every
//     write renews an idle deadline instead (see conn);
//   - fasthttp does not say when a client goes away, so the socket is looked at
//     four times a second while a request runs (see conn.hungUp);
//   - request bodies are not streamed, because fasthttp then lifts its limit on
//     their size.
package gateway

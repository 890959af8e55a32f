package schedule

import (
	"math"
	"time"
)

// load is what a prediction depends on. Tokens are in thousands, so that all
// three features are of one order.
type load [3]float64

const (
	// memory is the forgetting factor of the least squares: a sample counts half
	// after about 350 others.
	memory = 0.998
	// driftGain is the weight of a new sample in the drift factor. At 0.2 a
	// fivefold slow-down is followed to within a quarter in ten samples.
	driftGain = 0.2
	// driftStep bounds the ratio that one sample can feed to the drift factor, so
	// that a single stall moves it by half at most (8^0.2).
	driftStep = 8
	// driftMax bounds the drift factor itself. It is wide enough to bridge a hint
	// that is off by a hundred.
	driftMax = 128
	// Samples off by more than these factors tell of a stall or a cache hit, not of
	// the line: the drift factor takes them, the weights do not.
	outlierLow, outlierHigh = 0.1, 4
	// noise is the relative variance of a sample about the line.
	noise = 0.1
	// leastTime keeps predictions away from zero, in seconds.
	leastTime = 1e-5
)

// line predicts a time in seconds as a linear function of load times a drift
// factor. Recursive least squares on the relative error, weights never negative.
type line struct {
	w     load
	p     [3][3]float64 // covariance of w over noise
	p0    load          // its diagonal at the start, which is also its bound
	drift float64
}

// newLine starts from the weights w, each uncertain by its spread.
func newLine(w, spread load) line {
	l := line{w: w, drift: 1}
	for i := range spread {
		l.p0[i] = spread[i] * spread[i] / noise
		l.p[i][i] = l.p0[i]
	}
	return l
}

// mean is the weights' prediction, without drift.
func (l *line) mean(x load) float64 {
	return max(leastTime, l.w[0]*x[0]+l.w[1]*x[1]+l.w[2]*x[2])
}

// driftAt is the drift factor after the line has been idle for so long: it fades
// to 1.
func (l *line) driftAt(idle time.Duration) float64 {
	if l.drift == 1 || idle <= 0 {
		return l.drift
	}
	return math.Pow(l.drift, fade(idle, driftHalfLife))
}

// rest lets the drift factor fade for good after the line has been idle.
func (l *line) rest(idle time.Duration) { l.drift = l.driftAt(idle) }

// observe learns that load x took y seconds.
func (l *line) observe(x load, y float64) {
	y = max(y, leastTime)
	l.follow(y / (l.mean(x) * l.drift))
	before := l.mean(x)
	if r := y / (before * l.drift); r < outlierLow || r > outlierHigh {
		return
	}
	l.fit(x, y)
	// What the weights have taken over is no longer drift.
	l.setDrift(l.drift * before / l.mean(x))
}

// observeAtLeast learns that load x took y seconds or more.
func (l *line) observeAtLeast(x load, y float64) {
	if r := y / (l.mean(x) * l.drift); r > 1 {
		l.follow(r)
	}
}

// follow moves the drift factor towards one whose prediction would have been
// right, given the ratio actual/predicted.
func (l *line) follow(ratio float64) {
	l.setDrift(l.drift * math.Pow(min(max(ratio, 1.0/driftStep), driftStep), driftGain))
}

func (l *line) setDrift(d float64) { l.drift = min(max(d, 1.0/driftMax), driftMax) }

// fit is one step of recursive least squares. Dividing both sides by the
// prediction makes it the relative error that is squared, so that long prompts
// do not outweigh short ones.
func (l *line) fit(x load, y float64) {
	scale := 1 / (l.mean(x) * l.drift)
	y *= scale
	for i := range x {
		x[i] *= scale
	}
	var px load
	den, err := memory, y
	for i := range px {
		px[i] = l.p[i][0]*x[0] + l.p[i][1]*x[1] + l.p[i][2]*x[2]
		den += x[i] * px[i]
		err -= l.w[i] * x[i]
	}
	for i := range l.w {
		l.w[i] = max(0, l.w[i]+px[i]/den*err)
	}
	for i := range px {
		for j := 0; j <= i; j++ {
			v := (l.p[i][j] - px[i]*px[j]/den) / memory
			l.p[i][j], l.p[j][i] = v, v
		}
	}
	// Forgetting without news of a feature would let its variance grow without
	// end. Scaling row and column alike keeps the matrix positive.
	for i := range l.p0 {
		if l.p[i][i] <= l.p0[i] {
			continue
		}
		s := math.Sqrt(l.p0[i] / l.p[i][i])
		for j := range l.p0 {
			l.p[i][j] *= s
			l.p[j][i] *= s
		}
	}
}

// driftHalfLife is the half-life of the drift factor of an idle line: a slow
// minute is mostly forgotten after the next.
const driftHalfLife = time.Minute

// fade is the share of something that is left after t, given its half-life.
func fade(t, halfLife time.Duration) float64 {
	if t <= 0 {
		return 1
	}
	return math.Exp2(-float64(t) / float64(halfLife))
}

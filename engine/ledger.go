package engine

import (
	"sync"
	"time"
)

// Ledger keeps what each tenant has spent in the current UTC hour, day and
// month, and how many requests it made in the last minute. It lives in memory:
// a restart begins at zero.
type Ledger struct {
	mu      sync.Mutex
	tenants map[string]*account
}

type account struct {
	hour, day, month time.Time // starts of the periods that the sums are of
	spent            SpentUSD
	seconds          [60]struct {
		second   int64
		requests int
	}
}

// NewLedger returns an empty ledger.
func NewLedger() *Ledger { return &Ledger{tenants: map[string]*account{}} }

// Request counts a request of the tenant and returns its usage, this request
// included.
func (l *Ledger) Request(tenant string, now time.Time) InputUsage {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.account(tenant, now)
	s := now.Unix()
	slot := &a.seconds[s%60]
	if slot.second != s {
		slot.second, slot.requests = s, 0
	}
	slot.requests++
	u := InputUsage{SpentUSD: a.spent}
	for i := range a.seconds {
		if age := s - a.seconds[i].second; age >= 0 && age < 60 {
			u.RequestsPerMinute += a.seconds[i].requests
		}
	}
	return u
}

// Spend adds a cost.
func (l *Ledger) Spend(tenant string, usd float64, now time.Time) {
	if usd == 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.account(tenant, now)
	a.spent.Hour += usd
	a.spent.Day += usd
	a.spent.Month += usd
}

// account returns the tenant's account with the periods that have ended reset.
// Tenants come from the configured keys, so their number is bounded.
func (l *Ledger) account(tenant string, now time.Time) *account {
	a := l.tenants[tenant]
	if a == nil {
		a = &account{}
		l.tenants[tenant] = a
	}
	now = now.UTC()
	y, m, d := now.Date()
	roll := func(start *time.Time, current time.Time, sum *float64) {
		if !start.Equal(current) {
			*start, *sum = current, 0
		}
	}
	roll(&a.hour, now.Truncate(time.Hour), &a.spent.Hour)
	roll(&a.day, time.Date(y, m, d, 0, 0, 0, 0, time.UTC), &a.spent.Day)
	roll(&a.month, time.Date(y, m, 1, 0, 0, 0, 0, time.UTC), &a.spent.Month)
	return a
}

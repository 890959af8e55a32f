package targets

import "time"

// Status is what operators see of a target. It holds no secret.
type Status struct {
	Name           string           `json:"name"`
	Posture        string           `json:"posture"`
	Dialect        string           `json:"dialect"`
	Jurisdiction   string           `json:"jurisdiction,omitempty"`
	StandIn        bool             `json:"stand_in"`
	Healthy        bool             `json:"healthy"`
	Endpoints      []EndpointStatus `json:"endpoints"`
	Models         []ModelStatus    `json:"models"`
	InFlight       int64            `json:"in_flight"`
	MaxConcurrency int              `json:"max_concurrency,omitempty"`
	Attempts       int64            `json:"attempts"` // since the configuration was loaded
	Failures       int64            `json:"failures"`
	LastError      string           `json:"last_error,omitempty"` // code of the last failure
	LastErrorTime  time.Time        `json:"last_error_time,omitzero"`
}

// EndpointStatus is one server of a target.
type EndpointStatus struct {
	URL       string `json:"url"`
	Reachable bool   `json:"reachable"` // false for a while after a failure to connect
	InFlight  int64  `json:"in_flight"`
}

// ModelStatus is a model of a target.
type ModelStatus struct {
	Name     string   `json:"name"`
	Upstream string   `json:"upstream"`
	Aliases  []string `json:"aliases,omitempty"`
	// Price is nil where neither the configuration nor the table of prices knows it.
	Price *PriceStatus `json:"cost_per_mtok,omitempty"`
}

// Status reports on every target, in the order of their declaration.
func (s *Set) Status() []Status {
	now := time.Now()
	list := make([]Status, 0, len(s.targets))
	for _, t := range s.targets {
		st := Status{
			Name: t.Name, Posture: t.Posture, Dialect: string(t.Dialect), Jurisdiction: t.Jurisdiction,
			StandIn: t.StandIn != nil, Healthy: t.health.healthy(now),
			InFlight: t.inFlight.Load(), MaxConcurrency: t.MaxConcurrency,
			Attempts: t.attempts.Load(), Failures: t.failures.Load(),
		}
		if f := t.lastFail.Load(); f != nil {
			st.LastError, st.LastErrorTime = f.code, f.at.UTC()
		}
		for _, e := range t.endpoints {
			st.Endpoints = append(st.Endpoints, EndpointStatus{e.shown, e.health.healthy(now), e.inFlight.Load()})
		}
		for i := range t.Models {
			m := &t.Models[i]
			st.Models = append(st.Models, ModelStatus{m.Name, m.Upstream, m.Aliases, priceStatus(&m.Price)})
		}
		list = append(list, st)
	}
	return list
}

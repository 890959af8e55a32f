//go:build race

package policies

const underRace = true

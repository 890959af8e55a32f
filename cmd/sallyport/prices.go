package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/sallyport-ai/sallyport/targets"
)

// prices is what each model costs by "target/model"; nil: not known.
func (p *parts) prices() map[string]*targets.PriceStatus {
	all := map[string]*targets.PriceStatus{}
	for _, t := range p.targets.Status() {
		for _, m := range t.Models {
			all[t.Name+"/"+m.Name] = m.Price
		}
	}
	return all
}

// writePrices names the models that the configuration states no price of: those
// that the embedded table prices, and those whose price nobody knows.
func (p *parts) writePrices(w io.Writer) error {
	models := map[string][]string{} // by what stands before them
	all := p.prices()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		switch price := all[name]; {
		case price == nil:
			models["price not known"] = append(models["price not known"], name)
		case price.Source != targets.PriceStated:
			by := "price of " + price.Source
			models[by] = append(models[by], name)
		}
	}
	for _, by := range slices.Sorted(maps.Keys(models)) {
		if _, err := fmt.Fprintf(w, "%s: %s\n", by, strings.Join(models[by], ", ")); err != nil {
			return err
		}
	}
	return nil
}

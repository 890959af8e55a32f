package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/sallyport-ai/sallyport/classifiers"
)

// Build writes an exam. The same seed and set give the same texts.
func Build(seed uint64, set Set) []Section {
	var out []Section
	topics := []topic{emails, cards, ibans, phones, ips, macs, coins, birthdays}
	for _, n := range nationals {
		topics = append(topics, n.topic())
	}
	for _, tp := range topics {
		out = append(out, tp.section(seed, set))
	}
	out = append(out, secretSections(seed, set)...)
	out = append(out, plain(seed, set, "pii"), plain(seed, set, "secrets"))
	out = append(out, people(seed, set)...)
	return append(out, instructions(seed, set)...)
}

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "exam:", err)
		os.Exit(1)
	}
}

func run(args []string, w io.Writer) (err error) {
	flags := flag.NewFlagSet("exam", flag.ContinueOnError)
	name := flags.String("set", "A", "exam A, B or C")
	seed := flags.Uint64("seed", 1, "of the values")
	only := flags.String("only", "", "sections whose name holds this")
	list := flags.Bool("errors", false, "list the classes of errors")
	wrong := flags.Int("wrong", 0, "list as many wrong findings of each section")
	dump := flags.Int("texts", 0, "print as many texts of each section instead of measuring")
	if err := flags.Parse(args); err != nil {
		return err
	}
	set, ok := map[string]Set{"A": A, "B": B, "C": C}[*name]
	if !ok {
		return fmt.Errorf("there is no exam %q: give A, B or C", *name)
	}
	out := bufio.NewWriter(w)
	defer func() { err = errors.Join(err, out.Flush()) }()
	ctx := context.Background()
	host, err := classifiers.New(ctx, classifiers.Config{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, host.Close(ctx)) }()
	modules, err := loadAll(ctx, host, []string{"pii", "secrets", "injection", "names"})
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "exam %s, seed %d, findings with a score of at least %.1f\n", set, *seed, threshold)
	fmt.Fprintf(out, "%-32s %6s %6s  %9s %7s %6s  %-24s %s\n", "kind", "n", "misses", "precision", "recall", "alarms", "target", "met")
	for _, sec := range Build(*seed, set) {
		if !strings.Contains(sec.Name, *only) {
			continue
		}
		if *dump > 0 {
			for i := range *dump {
				t := sec.Texts[i*len(sec.Texts) / *dump]
				fmt.Fprintf(out, "%s %v %q\n", sec.Name, t.Labels, t.Value)
			}
			continue
		}
		r, err := measure(ctx, modules[sec.Module], &sec)
		if err != nil {
			return err
		}
		fmt.Fprintln(out, r.row())
		if *list {
			fmt.Fprint(out, r.errorList())
		}
		for i, s := range r.wrongly {
			if i < *wrong {
				fmt.Fprintln(out, "   ", s)
			}
		}
	}
	return nil
}

// row is the result's line in the table. Alarms are near misses with a finding.
func (r *Result) row() string {
	precision, recall := fmt.Sprintf("%.4f", r.Precision()), fmt.Sprintf("%.4f", r.Recall())
	if r.Labels == 0 {
		precision, recall = "-", "-"
	}
	var target string
	switch t := r.Target; {
	case t.Precision > 0:
		target = fmt.Sprintf("%.2f / %.2f", t.Precision, t.Recall)
	case t.F1 > 0:
		target = fmt.Sprintf("F1 %.2f (is %.4f)", t.F1, r.F1())
	case t.FalseAlarms > 0:
		target = fmt.Sprintf("alarms <= %.2f (%.4f)", t.FalseAlarms, share(r.Alarms, r.Misses))
	default:
		target = "-"
	}
	return fmt.Sprintf("%-32s %6d %6d  %9s %7s %6d  %-24s %s", r.Name, r.Labels, r.Misses, precision, recall, r.Alarms, target, r.Met())
}

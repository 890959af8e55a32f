package record

import (
	"context"
	"fmt"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

func processCPU(b *testing.B) float64 {
	var r unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &r); err != nil {
		b.Fatal(err)
	}
	return float64(r.Utime.Nano()+r.Stime.Nano()) / 1e3
}

// BenchmarkRecord measures durable decisions: what a request waits for in mode
// require.
func BenchmarkRecord(b *testing.B) {
	for _, producers := range []int{1, 64, 1024} {
		b.Run(fmt.Sprintf("producers=%d", producers), func(b *testing.B) {
			l := openLog(b, Config{Dir: b.TempDir()})
			r := sampleDecision(1)
			ctx := context.Background()
			cpu := processCPU(b)
			if producers == 1 {
				for b.Loop() {
					put(b, l, r)
				}
			} else {
				b.SetParallelism(producers / runtime.GOMAXPROCS(0))
				b.ReportAllocs()
				b.RunParallel(func(pb *testing.PB) {
					for pb.Next() {
						if _, err := l.Record(ctx, r); err != nil {
							b.Error(err)
						}
					}
				})
			}
			cpu = processCPU(b) - cpu
			s := l.Stats()
			b.ReportMetric(float64(s.Records)/b.Elapsed().Seconds(), "rec/s")
			b.ReportMetric(float64(s.Records)/float64(s.Commits), "rec/commit")
			b.ReportMetric(cpu/float64(s.Records), "cpu-µs/rec")
		})
	}
}

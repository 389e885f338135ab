package main

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/bellhop/bellhop/internal/stage"
)

// stages tells what the stages of events' way cost this process.
type stages struct {
	cpu, events *prometheus.Desc
}

func newStages() *stages {
	labels := []string{"stage"}
	return &stages{
		cpu: prometheus.NewDesc("bellhop_stage_cpu_seconds_total",
			"Processor time by stage of an event's way (accept, parse, commit, flush, send, record), estimated from a 64th of all work; on Linux alone.", labels, nil),
		events: prometheus.NewDesc("bellhop_stage_events_total",
			"What went through a stage: events, or deliveries where it is send or record.", labels, nil),
	}
}

// Describe implements prometheus.Collector.
func (s *stages) Describe(ch chan<- *prometheus.Desc) {
	ch <- s.cpu
	ch <- s.events
}

// Collect implements prometheus.Collector.
func (s *stages) Collect(ch chan<- prometheus.Metric) {
	for _, t := range stage.Totals() {
		if stage.Measured {
			ch <- prometheus.MustNewConstMetric(s.cpu, prometheus.CounterValue, t.CPU.Seconds(), t.Stage.String())
		}
		ch <- prometheus.MustNewConstMetric(s.events, prometheus.CounterValue, float64(t.Events), t.Stage.String())
	}
}

module tocsin/cmd/tocsin

go 1.26

require (
	tocsin v0.0.0
	tocsin/services/alerter v0.0.0
	tocsin/services/analyzer v0.0.0
	tocsin/services/collector v0.0.0
	tocsin/services/indexer v0.0.0
	tocsin/services/masker v0.0.0
)

replace (
	tocsin => ../..
	tocsin/services/alerter => ../../services/alerter
	tocsin/services/analyzer => ../../services/analyzer
	tocsin/services/collector => ../../services/collector
	tocsin/services/indexer => ../../services/indexer
	tocsin/services/masker => ../../services/masker
)

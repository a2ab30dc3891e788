module tocsin/services/analyzer

go 1.26

require tocsin v0.0.0

replace tocsin => ../..

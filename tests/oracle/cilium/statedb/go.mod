module github.com/cilium/statedb

go 1.26

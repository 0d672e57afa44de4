package api

//go:generate go run ../deploy/tools/vocabulary
//go:generate oapi-codegen -config codegen.yaml openapi.yaml
//go:generate oapi-codegen -config client.yaml openapi.yaml

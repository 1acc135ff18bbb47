// A Terraform provider that has a schema and does nothing: `terraform validate` and `terraform test` with a mocked provider
// need no more of it.
package main

import (
	"context"
	"encoding/json"
	"log"
	"os"
	"path/filepath"
	"strings"

	"github.com/hashicorp/terraform-plugin-go/tfprotov5"
	"github.com/hashicorp/terraform-plugin-go/tfprotov5/tf5server"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

type attribute struct {
	Type                         json.RawMessage
	Required, Optional, Computed bool
}

type nested struct {
	Single   bool
	Min, Max int64
	Block    block
}

type block struct {
	Attributes map[string]attribute
	Blocks     map[string]nested
}

type schema struct {
	Provider        block
	Resources, Data map[string]block
}

func (it block) written() *tfprotov5.SchemaBlock {
	out := &tfprotov5.SchemaBlock{}
	for name, attribute := range it.Attributes {
		kind, err := tftypes.ParseJSONType(attribute.Type) //nolint:staticcheck // the only way from JSON
		if err != nil {
			log.Fatalf("%s: %v", name, err)
		}
		// What is only written is never in a plan or a state.
		writeOnly := strings.HasSuffix(name, "_wo")
		out.Attributes = append(out.Attributes, &tfprotov5.SchemaAttribute{
			Name: name, Type: kind, Required: attribute.Required, Optional: attribute.Optional,
			Computed: attribute.Computed && !writeOnly, WriteOnly: writeOnly, Sensitive: writeOnly,
		})
	}
	for name, nested := range it.Blocks {
		nesting := tfprotov5.SchemaNestedBlockNestingModeList
		if nested.Single {
			nesting = tfprotov5.SchemaNestedBlockNestingModeSingle
		}
		out.BlockTypes = append(out.BlockTypes, &tfprotov5.SchemaNestedBlock{
			TypeName: name, Block: nested.Block.written(), Nesting: nesting, MinItems: nested.Min, MaxItems: nested.Max,
		})
	}
	return out
}

type provider struct {
	tfprotov5.ProviderServer
	all       *tfprotov5.Schema
	resources map[string]*tfprotov5.Schema
	data      map[string]*tfprotov5.Schema
}

func (it *provider) GetMetadata(context.Context, *tfprotov5.GetMetadataRequest) (*tfprotov5.GetMetadataResponse, error) {
	out := &tfprotov5.GetMetadataResponse{}
	for name := range it.resources {
		out.Resources = append(out.Resources, tfprotov5.ResourceMetadata{TypeName: name})
	}
	for name := range it.data {
		out.DataSources = append(out.DataSources, tfprotov5.DataSourceMetadata{TypeName: name})
	}
	return out, nil
}

func (it *provider) GetProviderSchema(context.Context, *tfprotov5.GetProviderSchemaRequest) (*tfprotov5.GetProviderSchemaResponse, error) {
	return &tfprotov5.GetProviderSchemaResponse{Provider: it.all, ResourceSchemas: it.resources, DataSourceSchemas: it.data}, nil
}

func (it *provider) PrepareProviderConfig(_ context.Context, request *tfprotov5.PrepareProviderConfigRequest) (*tfprotov5.PrepareProviderConfigResponse, error) {
	return &tfprotov5.PrepareProviderConfigResponse{PreparedConfig: request.Config}, nil
}

func (it *provider) ValidateResourceTypeConfig(context.Context, *tfprotov5.ValidateResourceTypeConfigRequest) (*tfprotov5.ValidateResourceTypeConfigResponse, error) {
	return &tfprotov5.ValidateResourceTypeConfigResponse{}, nil
}

func (it *provider) ValidateDataSourceConfig(context.Context, *tfprotov5.ValidateDataSourceConfigRequest) (*tfprotov5.ValidateDataSourceConfigResponse, error) {
	return &tfprotov5.ValidateDataSourceConfigResponse{}, nil
}

func (it *provider) StopProvider(context.Context, *tfprotov5.StopProviderRequest) (*tfprotov5.StopProviderResponse, error) {
	return &tfprotov5.StopProviderResponse{}, nil
}

func main() {
	program, err := os.Executable()
	if err != nil {
		log.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(filepath.Dir(program), "schema.json"))
	if err != nil {
		log.Fatal(err)
	}
	var read schema
	if err := json.Unmarshal(text, &read); err != nil {
		log.Fatal(err)
	}
	it := &provider{all: &tfprotov5.Schema{Block: read.Provider.written()}, resources: map[string]*tfprotov5.Schema{}, data: map[string]*tfprotov5.Schema{}}
	for name, block := range read.Resources {
		it.resources[name] = &tfprotov5.Schema{Block: block.written()}
	}
	for name, block := range read.Data {
		it.data[name] = &tfprotov5.Schema{Block: block.written()}
	}
	if err := tf5server.Serve("registry.terraform.io/hashicorp/google", func() tfprotov5.ProviderServer { return it }); err != nil {
		log.Fatal(err)
	}
}

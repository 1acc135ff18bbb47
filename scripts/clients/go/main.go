// Lists two seats, buys them and is refused a second time, by the client that was generated in ./stubmart.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/cookiejar"
	"os"

	"purchase/stubmart"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) != 2 {
		log.Fatal("usage: purchase BASE_URL")
	}
	if err := purchase(context.Background(), os.Args[1]); err != nil {
		log.Fatal(describe(err))
	}
}

func purchase(ctx context.Context, base string) error {
	seller, err := signUp(ctx, base, "go-seller@example.com")
	if err != nil {
		return err
	}
	buyer, err := signUp(ctx, base, "go-buyer@example.com")
	if err != nil {
		return err
	}

	venue := stubmart.NewVenue("Zürich", "Schauspielhaus")
	venue.SetCountry("CH")
	show := stubmart.NewCreateEventRequest("theatre", "Hamlet (Go)", *venue)
	show.SetLocalStart("2031-05-04T20:00")
	show.SetCurrency("chf")
	event, _, err := seller.EventsAPI.CreateEvent(ctx).CreateEventRequest(*show).Execute()
	if err != nil {
		return err
	}

	listing := stubmart.NewCreateTicketRequest(12550, "Stalls")
	listing.SetEventId(event.GetId())
	listing.SetSection("Stalls")
	listing.SetSeats([]string{"7", "8"})
	ticket, _, err := seller.TicketsAPI.CreateTicket(ctx).CreateTicketRequest(*listing).Execute()
	if err != nil {
		return err
	}
	offered, _, err := buyer.TicketsAPI.ListTickets(ctx).EventId(event.GetId()).
		Status([]stubmart.TicketStatus{stubmart.TICKETSTATUS_AVAILABLE}).Execute()
	if err != nil {
		return err
	}
	if len(offered.GetItems()) != 1 || offered.GetItems()[0].GetId() != ticket.GetId() {
		return fmt.Errorf("the event's list does not have the listing: %v", offered)
	}

	checkout := stubmart.NewCreateOrderRequest(ticket.GetId())
	order, _, err := buyer.OrdersAPI.CreateOrder(ctx).CreateOrderRequest(*checkout).Execute()
	if err != nil {
		return err
	}
	_, _, err = seller.TicketsAPI.UpdateTicket(ctx, ticket.GetId()).
		UpdateTicketRequest(stubmart.UpdateTicketRequest{Price: stubmart.PtrInt64(1)}).Execute()
	if err := refused(err, stubmart.CODE_TICKET_LOCKED); err != nil {
		return err
	}
	payment := stubmart.NewCreatePaymentRequest(order.GetId(), "pm_card_visa")
	charge, _, err := buyer.PaymentsAPI.CreatePayment(ctx).CreatePaymentRequest(*payment).Execute()
	if err != nil {
		return err
	}
	if charge.GetAmount() != order.GetTotal() {
		return fmt.Errorf("%d was charged, not %d", charge.GetAmount(), order.GetTotal())
	}
	paid, _, err := buyer.OrdersAPI.GetOrder(ctx, order.GetId()).Execute()
	if err != nil {
		return err
	}
	if paid.GetStatus() != stubmart.ORDERSTATUS_COMPLETED {
		return fmt.Errorf("the order is %s", paid.GetStatus())
	}
	_, _, err = buyer.OrdersAPI.CreateOrder(ctx).CreateOrderRequest(*checkout).Execute()
	return refused(err, stubmart.CODE_TICKET_SOLD)
}

func signUp(ctx context.Context, base, email string) (*stubmart.APIClient, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	configuration := stubmart.NewConfiguration()
	configuration.Servers = stubmart.ServerConfigurations{{URL: base}}
	configuration.HTTPClient = &http.Client{Jar: jar}
	client := stubmart.NewAPIClient(configuration)
	account := stubmart.NewSignupRequest(email, "correct horse battery")
	_, _, err = client.AuthAPI.SignUp(ctx).SignupRequest(*account).Execute()
	return client, err
}

// refused is nil when err is the market's refusal with that code.
func refused(err error, code stubmart.Code) error {
	var problem stubmart.ProblemBody
	var answer *stubmart.GenericOpenAPIError
	if !errors.As(err, &answer) {
		return fmt.Errorf("%s was expected, not %v", code, err)
	}
	if err := json.Unmarshal(answer.Body(), &problem); err != nil {
		return err
	}
	if problem.GetCode() != code {
		return fmt.Errorf("%s was expected, not %s", code, problem.GetCode())
	}
	return nil
}

func describe(err error) string {
	var answer *stubmart.GenericOpenAPIError
	if errors.As(err, &answer) {
		return fmt.Sprintf("%v: %s", err, answer.Body())
	}
	return err.Error()
}

//! Pace, forecast, and how far forecasts are off.

use boxoffice_tests::Result;
use boxoffice_tests::payloads::envelope;
use boxoffice_tests::random::Random;
use boxoffice_tests::sql::{deliver, line, lines};
use serde_json::json;
use tokio_postgres::Client;

use super::scene::{of_event, open};

/// A show of ours that begins so many days from now, at noon in UTC.
async fn show(client: &Client, event: &str, days: i64, venue: &str) -> Result {
    let link = format!("SELECT link_event('humanitix', 'hx-{event}', '{event}')");
    line(client, &link).await?;
    let set = format!(
        "UPDATE ticket_events SET title = 'Friday Laughs', venue = '{venue}', time_zone = 'UTC', capacity = 140,
             starts_at = date_trunc('day', now(), 'UTC') + {days} * interval '1 day' + interval '12 hours' WHERE event_id = '{event}' RETURNING 1"
    );
    line(client, &set).await?;
    Ok(())
}

/// Tickets of a show, bought so many days before it.
async fn sell(client: &Client, event: &str, days_before: i64, tickets: i64) -> Result {
    if tickets == 0 {
        return Ok(());
    }
    let at = format!(
        "SELECT to_char((starts_at - {days_before} * interval '1 day') AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') FROM ticket_events WHERE event_id = '{event}'"
    );
    let at = line(client, &at).await?;
    let lines = json!([{"id": "t", "ticket_type_name": "General", "quantity": tickets, "price": 20}]);
    let changes = json!({"created_at": at, "total_amount": 20 * tickets, "tickets": lines});
    let body = envelope("order.created", &format!("{event}-{days_before}"), &at, changes);
    deliver(client, &of_event(&body, &format!("hx-{event}"))?).await?;
    Ok(())
}

const FORECAST: &str = "SELECT days_left, tickets, capacity, comparables, pace_percent, forecast, low, high, sell_out, remark FROM sales_forecast('next')";

/// The documented example: C(7) = 40, comparables (30, 60) (50, 80) (20, 50) (45, 75).
#[tokio::test(flavor = "multi_thread")]
async fn the_example_comes_out_to_the_digit() -> Result {
    let (_db, client) = open().await?;
    client.batch_execute("DELETE FROM ticket_platforms; DELETE FROM ticket_events").await?;
    show(&client, "next", 7, "The Cellar").await?;
    sell(&client, "next", 10, 40).await?;
    for (number, (then, end)) in [(30, 60), (50, 80), (20, 50), (45, 75)].into_iter().enumerate() {
        let event = format!("past{number}");
        show(&client, &event, -7 * (number as i64 + 1), "The Cellar").await?;
        sell(&client, &event, 20, then).await?;
        sell(&client, &event, 2, end - then).await?;
        if number == 1 {
            let few = "7|40|140|2|0|-|-|-|-|A forecast needs three earlier shows like this one; there are two.";
            assert_eq!(line(&client, FORECAST).await?, few);
        }
    }
    for folded in [false, true] {
        if folded {
            line(&client, "SELECT fold_sales()").await?;
        }
        // Median of 30, 50, 20 and 45 is 37.5.
        assert_eq!(line(&client, FORECAST).await?, "7|40|140|4|7|73|64|100|unlikely|-");
        let pace = "SELECT days_before, tickets, comparables, typical, low, high, pace_percent FROM sales_pace('next', days => 10) WHERE days_before IN (10, 7, 2, 0)";
        assert_eq!(
            lines(&client, pace).await?,
            ["10|40|4|37.5|20.0|50.0|7", "7|40|4|37.5|20.0|50.0|7", "2|-|4|67.5|50.0|80.0|-", "0|-|4|67.5|50.0|80.0|-"]
        );
    }
    let alike = "SELECT comparable_event_id, score, tickets FROM comparable_shows('next')";
    assert_eq!(lines(&client, alike).await?, ["past0|1.00|60", "past1|1.00|80", "past2|1.00|50", "past3|1.00|75"]);
    // Cut to the places; words by the uncut ones.
    line(&client, "SELECT configure_show('next', capacity => 65)").await?;
    let full = "SELECT forecast, low, high, sell_out FROM sales_forecast('next')";
    assert_eq!(line(&client, full).await?, "65|64|65|possible");
    line(&client, "SELECT configure_show('next', compare_with => '{past0,past1,past3}')").await?;
    assert_eq!(line(&client, "SELECT count(*) FROM comparable_shows('next')").await?, "3");
    // Too few tickets, another venue and weekday, cancelled: no comparison.
    line(&client, "UPDATE show_settings SET compare_with = NULL RETURNING 1").await?;
    show(&client, "small", -35, "The Cellar").await?;
    sell(&client, "small", 5, 9).await?;
    show(&client, "elsewhere", -38, "The Barn").await?;
    sell(&client, "elsewhere", 5, 90).await?;
    assert_eq!(line(&client, "SELECT count(*) FROM comparable_shows('next')").await?, "4");
    let tonight = "SELECT event_id, state, sold, capacity, forecast FROM tonight()";
    assert_eq!(line(&client, tonight).await?, "next|next|40|65|65");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forecast_is_no_further_off_than_the_season_is() -> Result {
    let (_db, client) = open().await?;
    client.batch_execute("DELETE FROM ticket_platforms; DELETE FROM ticket_events").await?;
    let arithmetic = "SELECT comparables, pace_percent, forecast, low, high, sell_out_share FROM _forecast(40, '{30,50,20,45}', '{60,80,50,75}', 80)";
    assert_eq!(line(&client, arithmetic).await?, "4|7|73|64|80|0.500");
    let nothing = "SELECT forecast, low, high FROM _forecast(0, '{0,0,0}', '{10,20,30}', NULL)";
    assert_eq!(line(&client, nothing).await?, "20|10|30");
    // Half of the tickets are sold a week before, give or take; the median error of the whole is that of the noise.
    let (mut random, mut shares) = (Random::new(7), Vec::new());
    for number in 0..12i64 {
        let event = format!("past{number}");
        show(&client, &event, -7 * (number + 1), "The Cellar").await?;
        let share = 40 + random.below(21) as i64;
        sell(&client, &event, 20, share).await?;
        sell(&client, &event, 2, 100 - share).await?;
        shares.push(share as f64);
    }
    line(&client, "SELECT fold_sales()").await?;
    // What leave-one-out gives by hand: w is 1 or nearly so, and the forecast a share over the others' median.
    let mut errors: Vec<f64> = (0..shares.len())
        .map(|i| {
            let others: Vec<f64> = shares.iter().enumerate().filter(|(j, _)| *j != i).map(|(_, s)| *s).collect();
            let w = ((median(others.iter().map(|s| s / 100.0).collect()) - 0.1) / 0.4).clamp(0.0, 1.0);
            let guess = |s: f64| w * shares[i] / (s / 100.0) + (1.0 - w) * (shares[i] + 100.0 - s);
            (median(others.into_iter().map(guess).map(|g| g.min(140.0)).collect()) - 100.0).abs()
        })
        .collect();
    errors.sort_by(f64::total_cmp);
    let expected = median(errors);
    let row = line(&client, "SELECT shows_compared, median_error_percent FROM forecast_accuracy('{7}')").await?;
    let (shows, error) = row.split_once('|').unwrap_or_default();
    let error: f64 = error.parse()?;
    assert_eq!(shows, "12");
    assert!((error - expected).abs() < 2.0, "{error} where {expected} was expected");
    // On the day itself nothing is left to guess.
    assert_eq!(
        line(&client, "SELECT median_error_percent, bias_percent FROM forecast_accuracy('{0}')").await?,
        "0.0|0.0"
    );
    Ok(())
}

fn median(mut list: Vec<f64>) -> f64 {
    list.sort_by(f64::total_cmp);
    let middle = list.len() / 2;
    if list.len() % 2 == 1 { list[middle] } else { (list[middle - 1] + list[middle]) / 2.0 }
}
